// Keys for the whole of the pages. None of them works while something is typed, or in the terminal.
import { html, signal } from '../vendor/preact.js';
import { go, place, terminalOf } from './router.js';
import { list, stateOf, waiting } from './store.js';
import { Sheet, show } from './ui/sheet.js';

/** What a page adds: a key and what it does. @type {import('../vendor/preact.js').Signal<Map<string, { text: string, run: () => void }>>} */
const local = signal(new Map());

/** Adds keys as long as the page is there. @param {Record<string, { text: string, run: () => void }>} keys @returns {() => void} */
export function addKeys(keys) {
  local.value = new Map(Object.entries(keys));
  return () => { local.value = new Map(); };
}

/** @type {Record<string, string>} */
const jumps = { s: '/', a: '/agents', d: '/tokens', l: '/logs', e: '/settings' };

/** @param {number} step */
function neighbour(step) {
  const names = list.peek().map((box) => box.peek()).filter((view) => stateOf(view) !== 'exited').map((view) => view.name).sort();
  if (names.length === 0) return;
  const at = names.indexOf(place.peek().name);
  go(terminalOf(names[(at + step + names.length) % names.length]));
}

export function help() {
  const rows = [
    ['?', 'These keys'], ['/', 'Filter'], ['n', 'New session'], ['w', 'To the next session that needs you'],
    [']', 'Next session'], ['[', 'Session before'], ['g s', 'Sessions'], ['g a', 'Agents'], ['g d', 'Devices'], ['g l', 'Log'], ['g e', 'Settings'],
    ...[...local.value].map(([key, { text }]) => [key, text]),
    ['Ctrl ⇧ F', 'Search in the terminal'], ['Ctrl ⇧ C', 'Copy in the terminal'], ['⇧ Esc', 'From the terminal to the prompt'],
  ];
  show((close) => html`<${Sheet} title="Keys" close=${close}><dl class="keys">${rows.map(([key, text]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${text}</dd></div>`)}</dl></${Sheet}>`);
}

/** @param {EventTarget | null} target */
const typed = (target) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function startKeys() {
  let afterG = 0;
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typed(event.target)) return;
    if (document.querySelector('dialog[open], [popover]:popover-open:not(.toasts)')) return;
    if (/^\/(login|setup)$/.test(place.peek().path)) return;
    const { key } = event;
    const extra = local.peek().get(key);
    if (event.timeStamp - afterG < 1200 && jumps[key]) go(jumps[key]);
    else if (extra) extra.run();
    else if (key === 'g') { afterG = event.timeStamp; return; }
    else if (key === '?') help();
    else if (key === 'n') go('/?new=1');
    else if (key === ']') neighbour(1);
    else if (key === '[') neighbour(-1);
    else if (key === 'w') {
      const next = waiting.peek().find((view) => view.name !== place.peek().name) ?? waiting.peek()[0];
      if (next) go(terminalOf(next.name));
    } else if (key === '/') {
      const field = /** @type {HTMLElement | null} */ (document.querySelector('[data-filter]'));
      if (!field) return;
      field.focus();
    } else return;
    afterG = 0;
    event.preventDefault();
  });
}
