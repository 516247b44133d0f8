// The frame around every page.
import { computed, html, signal, useEffect, useErrorBoundary, useLayoutEffect, useRef, useState } from '../vendor/preact.js';
import { link, retry } from './live.js';
import { setTitle } from './notify.js';
import { place, terminalOf } from './router.js';
import { isUnread, list, loaded, me, settled, since, stateOf, words } from './store.js';
import { Icon, Mark } from './ui/icon.js';
import { useNear } from './ui/near.js';
import { Sheets, closeAll } from './ui/sheet.js';
import { Toasts } from './ui/toast.js';
import { Age, Dot, Empty, Waiting, Wrong } from './ui/parts.js';
import { signOut } from './account.js';

/** A page and what is loaded for it when it is first opened. @type {Record<string, () => Promise<{ default: any }>>} */
const pages = {
  sessions: () => import('./pages/sessions.js'),
  session: () => import('./pages/session.js'),
  chat: () => import('./pages/chat.js'),
  login: () => import('./pages/login.js'),
  setup: () => import('./pages/setup.js'),
  account: () => import('./pages/account.js'),
  users: () => import('./pages/users.js'),
  tokens: () => import('./pages/tokens.js'),
  agents: () => import('./pages/agents.js'),
  logs: () => import('./pages/logs.js'),
  settings: () => import('./pages/settings.js'),
  about: () => import('./pages/about.js'),
};
/** Those that are loaded. @type {import('../vendor/preact.js').Signal<Map<string, any>>} */
const views = signal(new Map());

/** Loads what a page needs. @param {string} page */
export async function loadPage(page) {
  if (!pages[page] || views.peek().has(page)) return;
  const { default: view } = await pages[page]();
  views.value = new Map(views.peek()).set(page, view);
}

/** Those without a frame. */
const alone = new Set(['login', 'setup']);

const drawerOpen = signal(false);

const nav = [
  ['/', 'sessions', 'Sessions'], ['/agents', 'agents', 'Agents'], ['/tokens', 'key', 'Devices'], ['/logs', 'logs', 'Log'],
  ['/settings', 'settings', 'Settings'], ['/about', 'about', 'About'],
];

/** The order of attention, then of names: it does not jump about while agents work. */
const rank = { blocked: 0, failed: 2, exited: 2, ready: 1, busy: 1, starting: 1, unknown: 1 };

/** @type {import('./store.js').Box[]} */
let ordered = [];
const order = computed(() => {
  const ranked = list.value.map((box) => ({ box, rank: rank[stateOf(box.value)], name: box.peek().name }));
  ranked.sort((a, b) => a.rank - b.rank || a.name.localeCompare(b.name));
  ordered = settled(ordered, ranked.map(({ box }) => box));
  return ordered;
});

function SideList() {
  const all = order.value;
  if (loaded.value && all.length === 0) return html`<div class="side-list"><p class="side-empty">No sessions yet.</p></div>`;
  const screenful = innerHeight / 32;
  return html`<ul class="side-list">${all.map((box, n) => html`<${SideItem} key=${box.peek().name} box=${box} first=${n < screenful} />`)}</ul>`;
}

/** @param {{ box: import('./store.js').Box, first: boolean }} props */
function SideItem({ box, first }) {
  const [near, element] = useNear(first);
  const view = box.value;
  const state = stateOf(view);
  const note = !near ? '' : state === 'blocked' ? 'needs you' : state === 'busy' ? html`<${Age} at=${since(view)} />` : isUnread(view) ? 'new' : '';
  return html`<li ref=${element}><a class="side-item" href=${terminalOf(view.name)} aria-current=${place.value.name === view.name ? 'page' : undefined}>
    ${near && html`<${Dot} state=${state} />`}<span class="name clip grow">${view.name}</span><span class="unseen">${words[state]}</span>
    ${note && html`<span class="side-note">${note}</span>`}</a></li>`;
}

function Side() {
  const { path } = place.value;
  const who = me.value;
  return html`<aside class="side" aria-label="Sessions and pages">
    <div class="side-top"><a class="brand" href="/"><${Mark} />llmux</a><span class="grow"></span>
      <a class="btn quiet icon-only" href="/?new=1" aria-label="New session" title="New session (n)"><${Icon} name="plus" /></a></div>
    <nav class="side-list-wrap" aria-label="Sessions"><${SideList} /></nav>
    <nav class="side-nav" aria-label="Pages"><ul>
      ${nav.filter(([to]) => to !== '/logs' || !who || who.admin).map(([to, icon, text]) => html`<li key=${to}><a class="side-item" href=${to} aria-current=${path === to ? 'page' : undefined}><${Icon} name=${icon} />${text}</a></li>`)}
      ${who?.admin && html`<li><a class="side-item" href="/admin/users" aria-current=${path === '/admin/users' ? 'page' : undefined}><${Icon} name="users" />Users</a></li>`}
    </ul></nav>
    <div class="side-user">
      <a class="side-item grow" href="/account"><${Icon} name="user" /><span class="clip">${who?.name || who?.username || 'Account'}</span></a>
      <button class="btn quiet icon-only" aria-label="Sign out" title="Sign out" onClick=${signOut}><${Icon} name="out" /></button>
    </div>
  </aside>`;
}

/** The side as a drawer, on a narrow screen. */
function Drawer() {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    box.current?.showModal();
    return () => box.current?.close();
  }, []);
  const close = () => { drawerOpen.value = false; };
  return html`<dialog ref=${box} class="drawer" aria-label="Menu" onCancel=${close}
    onClick=${(/** @type {Event} */ event) => { if (event.target === box.current || /** @type {Element} */ (event.target).closest('a')) close(); }}><${Side} /></dialog>`;
}

export const MenuButton = () => html`<button class="btn quiet icon-only menu-button" aria-label="Menu" onClick=${() => { drawerOpen.value = true; }}><${Icon} name="menu" /></button>`;

/** The bar on top of a page. @param {{ title: string, children?: any }} props */
export function Bar({ title, children }) {
  useEffect(() => setTitle(title), [title]);
  return html`<header class="bar"><${MenuButton} /><h1 class="clip">${title}</h1>${children}</header>`;
}

function Link() {
  if (link.value !== 'cut') return null;
  return html`<div class="banner" role="status"><${Icon} name="offline" /><span class="grow">Not connected: what you see may be old. Trying again.</span>
    <button class="btn" onClick=${retry}>Now</button></div>`;
}

function Page() {
  const { page, name } = place.value;
  const [missed, setMissed] = useState('');
  const [error, reset] = useErrorBoundary();
  useLayoutEffect(() => {
    closeAll();
    drawerOpen.value = false;
    reset();
    setMissed('');
    loadPage(page).catch(() => setMissed(page));
  }, [page, name]);
  const View = views.value.get(page);
  if (!pages[page]) return html`<${Bar} title="Not here" /><main class="page" id="page"><${Empty} icon="help" title="There is no such page" action=${html`<a class="btn primary" href="/">To the sessions</a>`} /></main>`;
  if (error) return html`<${Bar} title="llmux" /><main class="page" id="page"><${Wrong} error=${error} again=${() => location.reload()} /></main>`;
  if (missed === page) {
    const error = { message: 'This page could not be loaded.', hint: 'Is the daemon reachable?' };
    return html`<${Bar} title="llmux" /><main class="page" id="page"><${Wrong} error=${error} again=${() => location.reload()} /></main>`;
  }
  if (!View) return html`<main class="page" id="page"><${Waiting} /></main>`;
  return html`<${View} key=${`${page}/${name}`} />`;
}

export function App() {
  if (alone.has(place.value.page)) return html`<${Page} /><${Sheets} /><${Toasts} />`;
  return html`<a class="btn skip" href="#page">To the page</a>
    <div class="shell"><${Side} /><div class="main"><${Link} /><${Page} /></div></div>
    ${drawerOpen.value && html`<${Drawer} />`}<${Sheets} /><${Toasts} />`;
}
