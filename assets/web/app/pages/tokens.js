// Devices: the tokens that browsers, phones and scripts sign in with.
import { html, useEffect, useState } from '../../vendor/preact.js';
import { call, get, post, Refused } from '../api.js';
import { leaveBy } from '../account.js';
import { Bar } from '../shell.js';
import { age, ago, date, ms, now } from '../time.js';
import { Icon } from '../ui/icon.js';
import { Menu } from '../ui/menu.js';
import { Copyable, Empty, Field, Waiting, Wrong } from '../ui/parts.js';
import { Sheet, show, sure } from '../ui/sheet.js';
import { say, tried } from '../ui/toast.js';

/** @typedef {import('../types').Token} Token */
/** @typedef {{ me: { username: string | null, admin: boolean }, tokens: Token[], users?: { username: string }[] }} Tokens */

export default function Devices() {
  const [all, setAll] = useState(/** @type {Tokens | null} */ (null));
  const [error, setError] = useState(/** @type {Refused | null} */ (null));
  const load = () => get('/api/tokens').then((value) => { setAll(/** @type {any} */ (value)); setError(null); }, setError);
  useEffect(() => { load(); }, []);

  /** @param {Token} token */
  const revoke = async (token) => {
    if (!(await sure({ title: `Sign out “${token.name}”?`, text: 'Whoever uses this token is signed out at once.', yes: 'Sign it out', danger: true }))) return;
    if (await tried(() => call('DELETE', `/api/tokens/${encodeURIComponent(token.id)}`, {}))) { say('Signed out.'); load(); }
  };
  const revokeAll = async () => {
    if (!(await sure({ title: 'Sign out everything?', text: all?.me.admin ? 'All devices and scripts of all users are signed out, this browser too.' : 'All of your devices are signed out, this one too.', yes: 'Sign out everything', danger: true }))) return;
    await leaveBy(() => call('DELETE', '/api/tokens', {}));
  };
  /** @param {Token} token */
  const rename = async (token) => { if (await show((close) => html`<${Rename} token=${token} close=${close} />`)) load(); };

  return html`<${Bar} title="Devices">
      <button class="btn" aria-label="New token" onClick=${async () => { await show((close) => html`<${Make} all=${all} close=${close} />`); load(); }}><${Icon} name="key" /><span class="if-wide">New token</span></button>
      <button class="btn primary" onClick=${async () => { await show((close) => html`<${Pair} close=${close} />`); load(); }}><${Icon} name="phone" />Add a phone</button>
    </${Bar}>
    <main class="page" id="page" tabindex="-1"><div class="measure-wide stack">
      ${error ? html`<${Wrong} error=${error} again=${load} />` : !all ? html`<${Waiting} />`
        : all.tokens.length === 0 ? html`<${Empty} icon="key" title="No devices">Add a phone, or make a token for a script.</${Empty}>`
        : html`<ul class="rows">${all.tokens.map((token) => {
          const over = token.expiresAt !== undefined && ms(token.expiresAt) < now.value;
          return html`<li key=${token.id} class="line">
            <div class="grow"><div class="line-title"><span class="clip">${token.name || token.id}</span>${over && html`<span class="pill failed">expired</span>`}</div>
              <div class="facts-line"><span class="mono">${token.id}</span>${all.me.admin && html`<span>${token.username}</span>`}<span>${token.lastUsedAt ? `used ${ago(token.lastUsedAt)}` : 'never used'}</span>
              <span>made ${date(token.createdAt)}</span>${token.expiresAt && html`<span>${over ? 'ended' : 'ends'} ${date(token.expiresAt)}</span>`}</div></div>
            <${Menu} label=${`Actions for ${token.name || token.id}`} items=${[{ icon: 'edit', text: 'Rename', run: () => rename(token) }, { icon: 'out', text: 'Sign out', danger: true, run: () => revoke(token) }]} /></li>`;
        })}</ul>
        <div class="row end"><button class="btn quiet danger" onClick=${revokeAll}>Sign out everything</button></div>`}
    </div></main>`;
}

/** @param {{ token: Token, close: (done?: boolean) => void }} props */
function Rename({ token, close }) {
  const [name, setName] = useState(token.name);
  const save = async () => { if (await tried(() => call('PATCH', `/api/tokens/${encodeURIComponent(token.id)}`, { name }))) close(true); };
  return html`<${Sheet} title="Rename" close=${close} width=${420} onSubmit=${save} foot=${html`<button type="button" class="btn" onClick=${() => close()}>Cancel</button><button class="btn primary">Save</button>`}>
    <${Field} label="Name">${(/** @type {string} */ id) => html`<input id=${id} data-focus type="text" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} />`}</${Field}></${Sheet}>`;
}

/** The daemon's own picture, as an image: nothing in it can run. @param {{ svg: string }} props */
const Qr = ({ svg }) => html`<img class="qr" alt="QR code of the link" width="240" height="240" src=${`data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`} />`;

/** A one-time link that signs a phone in at its first scan. @param {{ close: () => void }} props */
function Pair({ close }) {
  const [origin, setOrigin] = useState(location.origin);
  const [made, setMade] = useState(/** @type {{ code: string, url?: string, qrSvg?: string, expiresAt: string } | null} */ (null));
  const [busy, setBusy] = useState(false);
  const local = /^https?:\/\/(localhost|127\.|\[::1\])/.test(origin);
  const make = async () => {
    setBusy(true);
    const found = await tried(() => post('/api/pairing', { origin: origin.replace(/\/$/, '') }));
    if (found) setMade(/** @type {any} */ (found));
    setBusy(false);
  };
  useEffect(() => { if (!local) make(); }, []);
  const left = made ? ms(made.expiresAt) - now.value : 0;
  return html`<${Sheet} title="Add a phone" close=${close} width=${460} onSubmit=${make}>
    <div class="stack">
      ${made && left > 0 ? html`
        <p>Open the phone’s camera and point it here. It is signed in at the first scan; the link works once${left > 0 ? html`, for ${age(new Date(now.value - left).toISOString())} more` : ''}.</p>
        ${made.qrSvg && html`<${Qr} svg=${made.qrSvg} />`}
        ${made.url && html`<${Copyable} text=${made.url} label="Copy the link" />`}
        <p class="small muted">Whoever has the link is signed in as you. Close this when the phone is in.</p>`
      : html`
        ${made && html`<div class="note warn">The link has ended. Make a new one.</div>`}
        ${local && html`<div class="note warn">A phone can’t reach “${location.hostname}”. Give the address under which it reaches this machine.</div>`}
        <${Field} label="Address of this daemon, as the phone sees it">${(/** @type {string} */ id) => html`<input id=${id} data-focus type="text" inputmode="url" class="mono" value=${origin} onInput=${(/** @type {any} */ event) => setOrigin(event.target.value)} />`}</${Field}>
        <button class="btn primary wide" disabled=${busy || local}>${busy ? 'Making it…' : 'Make the code'}</button>`}
    </div></${Sheet}>`;
}

/** A token for a script, shown once. @param {{ all: Tokens | null, close: () => void }} props */
function Make({ all, close }) {
  const [form, setForm] = useState({ name: '', expiresAt: '', username: '', sessions: '', actions: ['watch', 'prompt', 'answer'] });
  const [made, setMade] = useState(/** @type {{ value: string } | null} */ (null));
  /** @param {'name' | 'expiresAt' | 'username' | 'sessions'} key */
  const bind = (key) => ({ value: form[key], onInput: (/** @type {any} */ event) => setForm({ ...form, [key]: event.target.value }) });
  const limited = form.sessions.trim() !== '';
  const make = async () => {
    const found = await tried(() => post('/api/tokens', {
      name: form.name.trim() || undefined, username: form.username || undefined,
      expiresAt: form.expiresAt ? new Date(form.expiresAt).toISOString() : undefined,
      scopes: limited ? [{ sessions: form.sessions.trim(), actions: form.actions }] : undefined,
    }));
    if (found) setMade(/** @type {any} */ (found));
  };
  if (made) {
    return html`<${Sheet} title="Your new token" close=${close} foot=${html`<button type="button" class="btn primary" onClick=${() => close()}>I have kept it</button>`}>
      <div class="stack"><p>This is shown once. Keep it where the script finds it:</p><${Copyable} text=${made.value} label="Copy the token" />
      <${Copyable} text=${`llmux --server ${location.origin} --token ${made.value} session list`} label="Copy the command" /></div></${Sheet}>`;
  }
  return html`<${Sheet} title="New token" close=${close} onSubmit=${make} foot=${html`<button type="button" class="btn" onClick=${() => close()}>Cancel</button><button class="btn primary">Make it</button>`}>
    <div class="stack">
      <${Field} label="Name" help="Such as the script that uses it">${(/** @type {string} */ id) => html`<input id=${id} data-focus type="text" ...${bind('name')} />`}</${Field}>
      ${all?.users && html`<${Field} label="For">${(/** @type {string} */ id) => html`<select id=${id} ...${bind('username')}><option value="">you</option>${all.users?.filter((user) => user.username && user.username !== all.me.username).map((user) => html`<option value=${user.username}>${user.username}</option>`)}</select>`}</${Field}>`}
      <${Field} label="Ends" help="Empty: never">${(/** @type {string} */ id) => html`<input id=${id} type="datetime-local" ...${bind('expiresAt')} />`}</${Field}>
      <${Field} label="Only these sessions" help="A name, or a pattern such as build-*. Empty: all that its user may do">${(/** @type {string} */ id) => html`<input id=${id} type="text" class="mono" autocapitalize="off" spellcheck=${false} ...${bind('sessions')} />`}</${Field}>
      ${limited && html`<fieldset class="field"><legend class="label small">and only this</legend><div class="row">${['watch', 'type', 'prompt', 'answer', 'manage'].map((action) => html`<label class="check" key=${action}>
        <input type="checkbox" checked=${form.actions.includes(action)} onChange=${() => setForm({ ...form, actions: form.actions.includes(action) ? form.actions.filter((one) => one !== action) : [...form.actions, action] })} />${action}</label>`)}</div></fieldset>`}
    </div></${Sheet}>`;
}
