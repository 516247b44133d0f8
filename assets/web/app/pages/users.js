// Who may sign in.
import { html, useEffect, useState } from '../../vendor/preact.js';
import { call, get, post, Refused } from '../api.js';
import { Bar } from '../shell.js';
import { me } from '../store.js';
import { date } from '../time.js';
import { Icon } from '../ui/icon.js';
import { Menu } from '../ui/menu.js';
import { Empty, Field, Waiting, Wrong } from '../ui/parts.js';
import { Sheet, show, sure } from '../ui/sheet.js';
import { say, tried } from '../ui/toast.js';

/** @typedef {{ username: string, name: string, admin: boolean, createdAt: string }} User */

export default function Users() {
  const [all, setAll] = useState(/** @type {User[] | null} */ (null));
  const [error, setError] = useState(/** @type {Refused | null} */ (null));
  const load = () => get('/api/admin/users').then((value) => { setAll(/** @type {any} */ (value).users ?? value); setError(null); }, setError);
  useEffect(() => { load(); }, []);

  /** @param {User} user */
  const remove = async (user) => {
    if (!(await sure({ title: `Delete ${user.username}?`, text: 'All devices of this user are signed out. Sessions stay.', yes: 'Delete', danger: true }))) return;
    if (await tried(() => call('DELETE', `/api/admin/users/${encodeURIComponent(user.username)}`, {}))) { say(`${user.username} was deleted.`); load(); }
  };
  /** @param {any} draw */
  const open = async (draw) => { if (await show(draw)) load(); };
  return html`<${Bar} title="Users"><button class="btn primary" onClick=${() => open((/** @type {any} */ close) => html`<${Make} close=${close} />`)}><${Icon} name="plus" />New user</button></${Bar}>
    <main class="page" id="page" tabindex="-1"><div class="measure-wide stack">
      ${error ? (error.status === 403 ? html`<${Empty} icon="lock" title="For admins only">Ask one of them, or run <code>llmux user</code> on the daemon’s machine.</${Empty}>` : html`<${Wrong} error=${error} again=${load} />`)
        : !all ? html`<${Waiting} />` : html`<ul class="rows">${all.map((user) => html`<li class="line" key=${user.username}>
          <div class="grow"><div class="line-title"><span class="clip">${user.name}</span>${user.admin && html`<span class="tag">admin</span>`}${user.username === me.value?.username && html`<span class="tag">you</span>`}</div>
            <div class="facts-line"><span class="mono">${user.username}</span><span>since ${date(user.createdAt)}</span></div></div>
          <${Menu} label=${`Actions for ${user.username}`} items=${[{ icon: 'key', text: 'New passphrase', run: () => open((/** @type {any} */ close) => html`<${Reset} user=${user} close=${close} />`) },
            { icon: 'trash', text: 'Delete', danger: true, off: user.username === me.value?.username, run: () => remove(user) }]} /></li>`)}</ul>`}
    </div></main>`;
}

/** @param {{ close: (done?: boolean) => void }} props */
function Make({ close }) {
  const [form, setForm] = useState({ username: '', name: '', passphrase: '', admin: false });
  /** @param {'username' | 'name' | 'passphrase'} key */
  const bind = (key) => ({ value: form[key], onInput: (/** @type {any} */ event) => setForm({ ...form, [key]: event.target.value }) });
  const make = async () => {
    if (await tried(() => post('/api/admin/users', { ...form, name: form.name.trim() || form.username }))) { say(`${form.username} may sign in now.`); close(true); }
  };
  return html`<${Sheet} title="New user" close=${close} width=${440} onSubmit=${make} foot=${html`<button type="button" class="btn" onClick=${() => close()}>Cancel</button><button class="btn primary">Make it</button>`}><div class="stack">
    <${Field} label="User name" help="Small letters, digits, - and _">${(/** @type {string} */ id) => html`<input id=${id} data-focus type="text" required pattern="[a-z0-9_\\-]{1,32}" autocapitalize="off" spellcheck=${false} autocomplete="off" ...${bind('username')} />`}</${Field}>
    <${Field} label="Name for people">${(/** @type {string} */ id) => html`<input id=${id} type="text" autocomplete="off" ...${bind('name')} />`}</${Field}>
    <${Field} label="Passphrase" help="At least 8 characters">${(/** @type {string} */ id) => html`<input id=${id} type="password" required minlength="8" autocomplete="new-password" ...${bind('passphrase')} />`}</${Field}>
    <label class="check"><input type="checkbox" checked=${form.admin} onChange=${() => setForm({ ...form, admin: !form.admin })} />An admin: may change users and settings</label></div></${Sheet}>`;
}

/** @param {{ user: User, close: (done?: boolean) => void }} props */
function Reset({ user, close }) {
  const [text, setText] = useState('');
  const save = async () => {
    if (await tried(() => post(`/api/admin/users/${encodeURIComponent(user.username)}/passphrase`, { newPassphrase: text }))) { say(`${user.username} has a new passphrase.`); close(true); }
  };
  return html`<${Sheet} title=${`New passphrase for ${user.username}`} close=${close} width=${440} onSubmit=${save} foot=${html`<button type="button" class="btn" onClick=${() => close()}>Cancel</button><button class="btn primary">Save</button>`}><div class="stack">
    <p class="muted small">All devices of this user are signed out.</p>
    <${Field} label="Passphrase" help="At least 8 characters">${(/** @type {string} */ id) => html`<input id=${id} data-focus type="password" required minlength="8" autocomplete="new-password" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} />`}</${Field}></div></${Sheet}>`;
}
