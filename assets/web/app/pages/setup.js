// The first user.
import { html, useEffect, useState } from '../../vendor/preact.js';
import { post, Refused } from '../api.js';
import { setTitle } from '../notify.js';
import { place } from '../router.js';
import { Mark } from '../ui/icon.js';
import { Field } from '../ui/parts.js';

export default function Setup() {
  const [form, setForm] = useState({ name: '', username: '', passphrase: '', again: '' });
  const [wrong, setWrong] = useState('');
  const [busy, setBusy] = useState(false);
  const [token] = useState(place.peek().query.get('token') ?? '');
  useEffect(() => {
    setTitle('Set up');
    // The link is good for one use, and needs to be in no history.
    if (token) history.replaceState(null, '', '/setup');
  }, []);
  const differs = form.again !== '' && form.again !== form.passphrase;

  async function make() {
    if (form.again !== form.passphrase) return;
    setBusy(true);
    setWrong('');
    try {
      await post('/api/setup', { setupToken: token, name: form.name.trim() || form.username.trim(), username: form.username.trim(), passphrase: form.passphrase }, { stay: true });
      location.assign('/');
    } catch (error) {
      const refused = /** @type {Refused} */ (error);
      setWrong(`${refused.message} ${refused.hint ?? ''}`);
      setBusy(false);
    }
  }
  /** @param {keyof typeof form} key */
  const bind = (key) => ({ value: form[key], onInput: (/** @type {any} */ event) => setForm({ ...form, [key]: event.target.value }) });
  return html`<main class="alone" id="page"><div class="alone-card">
    <div class="brand"><${Mark} />llmux</div>
    <h1>Welcome</h1><p class="lead">Make the first user. It may do everything, and make others.</p>
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); make(); }}>
      ${!token && html`<div class="note warn" role="alert">This page needs the link that the daemon printed when it started. Open that, or run <code>llmux user create</code> on its machine.</div>`}
      ${wrong && html`<div class="note wrong" role="alert">${wrong}</div>`}
      <${Field} label="Your name">${(/** @type {string} */ id) => html`<input id=${id} type="text" autocomplete="name" ...${bind('name')} />`}</${Field}>
      <${Field} label="User name" help="Small letters, digits, - and _">${(/** @type {string} */ id) => html`<input id=${id} type="text" required pattern="[a-z0-9_\\-]{1,32}" autocomplete="username" autocapitalize="off" spellcheck=${false} ...${bind('username')} />`}</${Field}>
      <${Field} label="Passphrase" help="At least 8 characters. A few words are better than a few signs.">${(/** @type {string} */ id) => html`<input id=${id} type="password" required minlength="8" autocomplete="new-password" ...${bind('passphrase')} />`}</${Field}>
      <${Field} label="Passphrase, once more" wrong=${differs ? 'This is another one.' : ''}>${(/** @type {string} */ id) => html`<input id=${id} type="password" required autocomplete="new-password" aria-invalid=${differs} ...${bind('again')} />`}</${Field}>
      <button class="btn primary wide" disabled=${busy || differs || !token}>${busy ? 'Setting up…' : 'Set up'}</button>
    </form></div></main>`;
}
