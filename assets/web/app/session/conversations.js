// The conversations that an agent has stored: pick one to go on with, or look for words in all of them.
import { html, useEffect, useState } from '../../vendor/preact.js';
import { at, get, post, Refused } from '../api.js';
import { put } from '../store.js';
import { ago } from '../time.js';
import { Icon } from '../ui/icon.js';
import { Empty, Waiting, Wrong } from '../ui/parts.js';
import { Sheet, sure } from '../ui/sheet.js';
import { say, sayError } from '../ui/toast.js';

/** @param {{ view: import('../types').Session, close: (resumed?: boolean) => void }} props */
export function Conversations({ view, close }) {
  const [all, setAll] = useState(/** @type {import('../types').Conversation[] | null} */ (null));
  const [found, setFound] = useState(/** @type {import('../types').Found[] | null} */ (null));
  const [error, setError] = useState(/** @type {Refused | null} */ (null));
  const [text, setText] = useState('');
  const [busy, setBusy] = useState('');
  const current = view.boundConversationId ?? view.externalSessionId ?? view.resumeFrom;

  useEffect(() => {
    get(at(view.name, '/conversations')).then((list) => setAll(/** @type {any} */ (list)), setError);
  }, []);
  useEffect(() => {
    if (text.trim().length < 3) { setFound(null); return; }
    const stop = new AbortController();
    const timer = setTimeout(() => {
      const query = new URLSearchParams({ text: text.trim(), agent: view.agent, cwd: view.cwd });
      get(`/api/history/search?${query}`, { signal: stop.signal }).then((list) => setFound(/** @type {any} */ (list)), () => {});
    }, 300);
    return () => { clearTimeout(timer); stop.abort(); };
  }, [text]);

  /** @param {string} id @param {string} title */
  async function resume(id, title) {
    if (!(await sure({ title: 'Go on with it?', yes: 'Go on with it', text: `${view.name} is started anew in “${title}”.${view.state === 'running' ? ' What it works on now is lost.' : ''}` }))) return;
    setBusy(id);
    try {
      const done = /** @type {any} */ (await post(at(view.name, '/resume'), { conversationId: id }));
      put(done.session);
      say(`${view.name} is in “${title}”.`);
      close(true);
    } catch (wrong) {
      sayError(wrong);
      setBusy('');
    }
  }

  const words = text.trim().toLowerCase();
  const listed = (all ?? []).filter((one) => words === '' || one.title.toLowerCase().includes(words) || one.id.startsWith(words));
  const more = (found ?? []).filter((one) => !listed.some((other) => other.id === one.id));
  return html`<${Sheet} title=${`Conversations of ${view.name}`} close=${close} width=${620}>
    <div class="stack tight">
      <div class="search-box wide"><${Icon} name="search" /><input type="search" data-focus placeholder="Search titles and what was said" aria-label="Search conversations" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></div>
      ${error ? html`<${Wrong} error=${error} />` : all === null ? html`<${Waiting} />`
        : all.length === 0 && words === '' ? html`<${Empty} icon="clock" title="None yet">What ${view.agent} has stored for this folder is listed here.</${Empty}>`
        : listed.length + more.length === 0 ? html`<${Empty} icon="search" title="Nothing matches" />`
        : html`<div class="choices">
          ${listed.map((one) => html`<button type="button" class="choice" key=${one.id} disabled=${busy !== '' || one.id === current} onClick=${() => resume(one.id, one.title)}>
            <span class="wrap">${one.title}</span><span class="facts nums">${one.id === current && html`<span class="is-current">this session is in it</span>`}<span>${busy === one.id ? 'starting…' : ago(one.lastMessageAt)}</span><span>${one.messageCount} messages</span><span class="mono">${one.id.slice(0, 8)}</span></span></button>`)}
          ${more.map((one) => html`<button type="button" class="choice" key=${one.id} disabled=${busy !== '' || one.id === current} onClick=${() => resume(one.id, one.title ?? one.id)}>
            <span class="wrap">${one.title ?? one.id}</span><span class="small muted wrap">${one.role}: ${one.snippet}</span></button>`)}
        </div>`}
    </div></${Sheet}>`;
}
