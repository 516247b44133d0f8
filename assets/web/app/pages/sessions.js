// The picker.
import { computed, effect, html, useEffect, useMemo, useState } from '../../vendor/preact.js';
import { at, get, post } from '../api.js';
import { addKeys } from '../keys.js';
import { link, retry, trouble } from '../live.js';
import { group, sort } from '../prefs.js';
import { go, place } from '../router.js';
import { Bar } from '../shell.js';
import { broadcast, create, each } from '../session/actions.js';
import { Row } from '../session/row.js';
import { agentName, agentNames, list, loaded, since, stateOf } from '../store.js';
import { ms } from '../time.js';
import { Icon } from '../ui/icon.js';
import { Menu } from '../ui/menu.js';
import { Empty, Waiting, Wrong } from '../ui/parts.js';
import { sure } from '../ui/sheet.js';

/** @typedef {import('../types').Session} Session */
/** @typedef {import('../../vendor/preact.js').Signal<Session>} Box */

const groups = { state: 'By state', agent: 'By agent', folder: 'By folder', none: 'No groups' };
const sorts = { recent: 'Latest change first', name: 'By name', age: 'Newest first' };
const stateGroups = [['Needs you', ['blocked']], ['Working', ['busy', 'starting']], ['Ready', ['ready', 'unknown']], ['Ended', ['failed', 'exited']]];

/** @param {Session} left @param {Session} right */
function compare(left, right) {
  if (sort.value === 'recent') return ms(since(right)) - ms(since(left)) || left.name.localeCompare(right.name);
  if (sort.value === 'age') return ms(right.createdAt) - ms(left.createdAt);
  return left.name.localeCompare(right.name, undefined, { numeric: true });
}

/** @param {Box[]} boxes @returns {[string, Box[]][]} */
function grouped(boxes) {
  const sorted = boxes.map((box) => ({ box, view: box.value })).sort((a, b) => compare(a.view, b.view)).map(({ box }) => box);
  if (group.value === 'none') return [['', sorted]];
  if (group.value === 'state') {
    return stateGroups.map(([title, states]) => /** @type {[string, Box[]]} */ ([title, sorted.filter((box) => states.includes(stateOf(box.value)))]))
      .filter(([, some]) => some.length > 0);
  }
  /** @type {Map<string, Box[]>} */
  const by = new Map();
  for (const box of sorted) {
    const key = group.value === 'agent' ? agentName(box.value.agent) : box.value.cwdDisplay;
    by.set(key, [...(by.get(key) ?? []), box]);
  }
  return [...by].sort(([a], [b]) => a.localeCompare(b));
}

/** @param {Session} view @param {string} text */
const matches = (view, text) => text === '' || `${view.name}\n${view.agent}\n${view.cwdDisplay}\n${view.boundConversationTitle ?? ''}`.toLowerCase().includes(text.toLowerCase());

const CALM = 500;

/**
 * Rows change at once; their places at most twice a second, and not while a menu is open, so that a click hits what it was meant for.
 * Where nothing is shown yet nothing can be hit: then at once.
 * @template T @param {import('../../vendor/preact.js').ReadonlySignal<T[]>} source @returns {T[]}
 */
function useCalm(source) {
  const [shown, setShown] = useState({ source, value: source.peek() });
  useEffect(() => {
    /** @type {ReturnType<typeof setTimeout> | undefined} */ let timer;
    let last = -Infinity;
    const take = () => {
      clearTimeout(timer);
      timer = undefined;
      const value = source.peek();
      last = value.length > 0 ? performance.now() : -Infinity;
      setShown((old) => (old.source === source && old.value === value ? old : { source, value }));
    };
    const look = () => {
      if (document.querySelector('.menu')) timer = setTimeout(look, CALM);
      else take();
    };
    const end = effect(() => {
      source.value;
      // With what made the change, in one frame; else a little later, when the next change has had its chance to take this one along.
      if (performance.now() - last >= CALM && !document.querySelector('.menu')) take();
      else timer ??= setTimeout(look, 1.5 * CALM);
    });
    return () => { end(); clearTimeout(timer); };
  }, [source]);
  return shown.source === source && shown.value.length > 0 ? shown.value : source.value;
}

export default function Sessions() {
  const [filter, setFilter] = useState(place.peek().query.get('q') ?? '');
  const [picked, setPicked] = useState(/** @type {Set<string>} */ (new Set()));

  useEffect(() => {
    get('/api/agents/all').then((/** @type {import('../types').Agent[]} */ all) => {
      agentNames.value = new Map(all.map(({ key, displayName }) => [key, displayName]));
    }, () => {});
    return addKeys({ x: { text: 'Select or clear all that is shown', run: () => setPicked((old) => old.size > 0 ? new Set() : new Set(list.peek().map((box) => box.peek().name))) } });
  }, []);
  const wantsNew = place.value.query.has('new');
  useEffect(() => {
    if (!wantsNew) return;
    go('/', { replace: true });
    create();
  }, [wantsNew]);

  const blocks = useCalm(useMemo(() => computed(() => grouped(list.value.filter((box) => matches(box.value, filter)))), [filter, group.value, sort.value]));
  const onPick = useMemo(() => (/** @type {string} */ name) => setPicked((old) => {
    const next = new Set(old);
    if (!next.delete(name)) next.add(name);
    return next;
  }), []);

  const all = list.value;
  const screenful = innerHeight / 50;
  let drawn = 0;
  const names = [...picked].filter((name) => all.some((box) => box.peek().name === name));

  return html`<${Bar} title="Sessions">
      <button class="btn primary" onClick=${() => create()} title="New session (n)"><${Icon} name="plus" /><span class="if-wide">New session</span><span class="if-narrow">New</span></button>
    </${Bar}>
    <main class="page" id="page" tabindex="-1"><div class="measure-wide">
      ${all.length > 0 && html`<div class="picker-tools">
        <div class="search-box"><${Icon} name="search" /><input type="search" data-filter placeholder="Filter" aria-label="Filter sessions" value=${filter}
          onInput=${(/** @type {any} */ event) => setFilter(event.target.value)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === 'Escape') { setFilter(''); /** @type {HTMLElement} */ (event.target).blur(); } }} /></div>
        <${Menu} label="Group" class="btn" items=${Object.entries(groups).map(([key, text]) => ({ text, icon: group.value === key ? 'check' : 'blank', run: () => { group.value = key; } }))}>${groups[/** @type {keyof typeof groups} */ (group.value)]}<${Icon} name="down" /></${Menu}>
        <${Menu} label="Sort" class="btn" items=${Object.entries(sorts).map(([key, text]) => ({ text, icon: sort.value === key ? 'check' : 'blank', run: () => { sort.value = key; } }))}><span class="if-wide">${sorts[/** @type {keyof typeof sorts} */ (sort.value)]}</span><span class="if-narrow">Sort</span><${Icon} name="down" /></${Menu}>
        <${Summary} boxes=${all} />
      </div>`}
      ${names.length > 0 && html`<${Picked} names=${names} clear=${() => setPicked(new Set())} />`}
      ${!loaded.value ? (trouble.value && link.value !== 'late' ? html`<${Wrong} error=${trouble.value} again=${retry} />` : html`<${Waiting} />`)
        : all.length === 0 ? html`<${None} />`
        : blocks.length === 0 ? html`<${Empty} icon="search" title="Nothing matches" action=${html`<button class="btn" onClick=${() => setFilter('')}>Show all</button>`} />`
        : html`<ul class="sessions">${blocks.map(([title, boxes]) => {
          const wants = title === 'Needs you' ? 'wants' : '';
          return [title && html`<li key=${`#${title}`} class="group ${wants}"><h2 class="block-title">${title} <span class="nums">${boxes.length}</span></h2></li>`,
            ...boxes.map((box, n) => html`<${Row} key=${box.peek().name} box=${box} first=${drawn++ < screenful} picked=${picked.has(box.peek().name)} picking=${names.length > 0} onPick=${onPick}
              edge=${`${wants} ${n === 0 ? 'top' : ''} ${n === boxes.length - 1 ? 'end' : ''}`} />`)];
        }).flat()}</ul>`}
    </div></main>`;
}

/** @param {{ boxes: Box[] }} props */
function Summary({ boxes }) {
  const running = boxes.filter((box) => box.value.state === 'running').length;
  return html`<span class="picker-count muted small nums">${running} running${boxes.length > running ? `, ${boxes.length - running} ended` : ''}</span>`;
}

const None = () => html`<${Empty} icon="terminal" title="No sessions yet" action=${html`<button class="btn primary" onClick=${() => create()}><${Icon} name="plus" />Start an agent</button><a class="btn" href="/agents">Which agents are here?</a>`}>
  A session is an agent that runs in tmux. Start one here, or with <code>llmux session start</code>; close this page whenever you like, it runs on.</${Empty}>`;

/** What can be done with several. @param {{ names: string[], clear: () => void }} props */
function Picked({ names, clear }) {
  const views = names.map((name) => list.peek().find((box) => box.peek().name === name)?.peek()).filter((view) => view !== undefined);
  const running = views.filter((view) => view.state === 'running').map((view) => view.name);
  const ended = views.filter((view) => view.state === 'exited').map((view) => view.name);
  /** @param {string[]} some @param {string} title @param {string} text @param {string} path @param {boolean} [danger] */
  const all = async (some, title, text, path, danger = false) => {
    if (!(await sure({ title, text: `${text} ${some.join(', ')}`, yes: title.replace('?', ''), danger }))) return;
    await each(some, 'Done', (name) => post(at(name, path)));
    clear();
  };
  return html`<div class="picked-bar" role="toolbar" aria-label="Selected sessions">
    <span class="nums">${names.length} selected</span>
    <button class="btn" disabled=${running.length === 0} onClick=${() => broadcast(running)}><${Icon} name="broadcast" />Prompt</button>
    ${ended.length > 0 && html`<button class="btn" onClick=${() => all(ended, 'Start them?', 'With their settings:', '/respawn')}><${Icon} name="play" />Start</button>`}
    <button class="btn" disabled=${running.length === 0} onClick=${() => all(running, 'Restart them?', 'What they work on now is lost:', '/respawn')}><${Icon} name="restart" />Restart</button>
    <button class="btn" disabled=${running.length === 0} onClick=${() => all(running, 'Stop them?', 'Their agents are ended; their settings stay:', '/stop')}><${Icon} name="stop" />Stop</button>
    <button class="btn danger" onClick=${() => all(names, 'Forget them?', 'Their agents are ended and their settings forgotten:', '/kill', true)}><${Icon} name="trash" />Forget</button>
    <button class="btn quiet icon-only" aria-label="Clear the selection" onClick=${clear}><${Icon} name="close" /></button>
  </div>`;
}
