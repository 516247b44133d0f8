// Signing in.
import { html, useEffect, useState } from '../../vendor/preact.js';
import { post, Refused } from '../api.js';
import { deviceName } from '../pairing.js';
import { setTitle } from '../notify.js';
import { ownPath, place } from '../router.js';
import { Mark } from '../ui/icon.js';
import { Field } from '../ui/parts.js';

export default function Login() {
  const [form, setForm] = useState({ username: '', passphrase: '' });
  const [wrong, setWrong] = useState(place.peek().query.get('link') === 'bad' ? 'That link does not work any more. Sign in, or have a new one made.' : '');
  const [busy, setBusy] = useState(false);
  useEffect(() => setTitle('Sign in'), []);

  async function enter() {
    setBusy(true);
    setWrong('');
    try {
      await post('/api/auth/login', { ...form, username: form.username.trim(), deviceName: deviceName() }, { stay: true });
      location.assign(ownPath(place.peek().query.get('returnTo')));
    } catch (error) {
      const refused = /** @type {Refused} */ (error);
      setWrong(refused.status === 401 ? `Name or passphrase is wrong. ${refused.hint ?? ''}` : `${refused.message} ${refused.hint ?? ''}`);
      setBusy(false);
    }
  }
  /** @param {'username' | 'passphrase'} key */
  const bind = (key) => ({ value: form[key], onInput: (/** @type {any} */ event) => setForm({ ...form, [key]: event.target.value }) });
  return html`<main class="alone" id="page"><div class="alone-card">
    <div class="brand"><${Mark} />llmux</div>
    <h1>Sign in</h1><p class="lead">To the agents on ${location.hostname}.</p>
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); enter(); }}>
      ${wrong && html`<div class="note wrong" role="alert">${wrong}</div>`}
      <${Field} label="User name">${(/** @type {string} */ id) => html`<input id=${id} type="text" required autofocus autocomplete="username" autocapitalize="off" spellcheck=${false} ...${bind('username')} />`}</${Field}>
      <${Field} label="Passphrase">${(/** @type {string} */ id) => html`<input id=${id} type="password" required autocomplete="current-password" ...${bind('passphrase')} />`}</${Field}>
      <button class="btn primary wide" disabled=${busy}>${busy ? 'Signing in…' : 'Sign in'}</button>
      <p class="small muted">On a phone, scan the code from “Devices” on a signed-in browser, or from <code>llmux token create --qr</code>. Forgotten? <code>llmux user reset-passphrase</code> on the daemon’s machine.</p>
    </form></div></main>`;
}
