// One's own account.
import { html, useState } from '../../vendor/preact.js';
import { post } from '../api.js';
import { me } from '../store.js';
import { Bar } from '../shell.js';
import { leaveBy, signOut } from '../account.js';
import { Icon } from '../ui/icon.js';
import { Field } from '../ui/parts.js';
import { say, tried } from '../ui/toast.js';

export default function Account() {
  const who = me.value;
  return html`<${Bar} title="Account"><button class="btn" onClick=${signOut}><${Icon} name="out" />Sign out</button></${Bar}>
    <main class="page" id="page" tabindex="-1"><div class="measure stack">
      ${who && who.username === null ? html`<div class="note">You are signed in without a user: with a token of the old kind, or as the daemon’s owner.</div>` : html`
      <${Profile} key=${who?.username} who=${who} /><${Passphrase} />
      <section class="card"><h2>Devices</h2><p class="muted small">Each browser and phone that is signed in has a token of its own.</p><div class="row"><a class="btn" href="/tokens"><${Icon} name="phone" />Your devices</a></div></section>`}
    </div></main>`;
}

/** @param {{ who: import('../types').Me | null }} props */
function Profile({ who }) {
  const [name, setName] = useState(who?.name ?? '');
  const save = async () => {
    const done = /** @type {any} */ (await tried(() => post('/api/account/profile', { name: name.trim() })));
    if (!done) return;
    if (who) me.value = { ...who, name: done.user.name };
    say('Saved.');
  };
  return html`<section class="card"><h2>You</h2><form class="stack" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); save(); }}>
    <dl class="facts"><div><dt>User name</dt><dd class="mono">${who?.username}</dd></div><div><dt>May</dt><dd>${who?.admin ? 'do everything' : 'work with all sessions'}</dd></div></dl>
    <${Field} label="Display name">${(/** @type {string} */ id) => html`<input id=${id} type="text" required value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} />`}</${Field}>
    <div class="row end"><button class="btn primary" disabled=${name.trim() === '' || name.trim() === who?.name}>Save</button></div></form></section>`;
}

function Passphrase() {
  const none = { oldPassphrase: '', newPassphrase: '', again: '' };
  const [form, setForm] = useState(none);
  const differs = form.again !== '' && form.again !== form.newPassphrase;
  const change = async () => {
    if (!(await leaveBy(() => post('/api/account/passphrase', { oldPassphrase: form.oldPassphrase, newPassphrase: form.newPassphrase }, { stay: true })))) setForm({ ...form, oldPassphrase: '' });
  };
  /** @param {keyof typeof none} key */
  const bind = (key) => ({ value: form[key], onInput: (/** @type {any} */ event) => setForm({ ...form, [key]: event.target.value }) });
  return html`<section class="card"><h2>Passphrase</h2><p class="muted small">A new one signs out all of your devices, this one too.</p>
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); change(); }}>
    <${Field} label="The present one">${(/** @type {string} */ id) => html`<input id=${id} type="password" required autocomplete="current-password" ...${bind('oldPassphrase')} />`}</${Field}>
    <${Field} label="The new one" help="At least 8 characters">${(/** @type {string} */ id) => html`<input id=${id} type="password" required minlength="8" autocomplete="new-password" ...${bind('newPassphrase')} />`}</${Field}>
    <${Field} label="The new one, once more" wrong=${differs ? 'This is another one.' : ''}>${(/** @type {string} */ id) => html`<input id=${id} type="password" required autocomplete="new-password" aria-invalid=${differs} ...${bind('again')} />`}</${Field}>
    <div class="row end"><button class="btn primary" disabled=${differs || form.again === ''}>Change it</button></div></form></section>`;
}
