// What is known of the daemon: each session is a signal of its own, so that one change draws one row.
import { batch, computed, signal } from '../vendor/preact.js';
import { looked } from './prefs.js';
import { ms } from './time.js';

/** @typedef {import('./types').Session} Session */
/** @typedef {import('./types').Turn} Turn */
/** @typedef {import('../vendor/preact.js').Signal<Session>} Box */

/** @type {import('../vendor/preact.js').Signal<Map<string, Box>>} */
export const sessions = signal(new Map());
/** The newest turn of each session. @type {import('../vendor/preact.js').Signal<Map<string, import('../vendor/preact.js').Signal<Turn>>>} */
export const turns = signal(new Map());
/** What the agents are called, by their keys. @type {import('../vendor/preact.js').Signal<Map<string, string>>} */
export const agentNames = signal(new Map());
/** @param {string} key */
export const agentName = (key) => agentNames.value.get(key) ?? key;
export const loaded = signal(false);
/** Who this is. @type {import('../vendor/preact.js').Signal<import('./types').Me | null>} */
export const me = signal(null);

const FINAL = new Set(['ended', 'failed', 'refused', 'unsubmitted', 'timeout', 'cancelled', 'session_gone', 'unknown']);
/** Whether nothing more will happen to a turn. @param {Turn | undefined} turn */
export const isFinal = (turn) => !turn || FINAL.has(turn.state);

/** All sessions, as `GET /api/sessions` has them. @param {Session[]} all */
export function replaceAll(all) {
  batch(() => {
    const next = new Map();
    for (const view of all) {
      const box = sessions.peek().get(view.name) ?? signal(view);
      box.value = view;
      next.set(view.name, box);
    }
    sessions.value = next;
    loaded.value = true;
  });
}

/** A session as it is now. Some tell of it without what its agent does: that comes apart. @param {Session} view */
export function put(view) {
  const box = sessions.peek().get(view.name);
  if (box) box.value = view.state === 'running' && !view.activity ? { ...view, activity: box.peek().activity } : view;
  else sessions.value = new Map(sessions.peek()).set(view.name, signal(view));
}

/** @param {string} name @param {import('./types').Activity} activity */
export function putActivity(name, activity) {
  const box = sessions.peek().get(name);
  if (box) box.value = { ...box.peek(), activity };
}

/** @param {string} name */
export function forget(name) {
  if (!sessions.peek().has(name)) return;
  const next = new Map(sessions.peek());
  next.delete(name);
  sessions.value = next;
}

/** How far a turn is: news of it come by several ways, and not in order. @param {Turn} turn */
const progress = (turn) => (isFinal(turn) ? 100 : turn.state === 'queued' ? 0 : 1 + Object.keys(turn.stages).length + turn.evidence.length);

/** Ids grow; but a turn that still runs matters more than those in line behind it. @param {Turn} turn @param {Turn} old */
function isNews(turn, old) {
  if (turn.id === old.id) return progress(turn) >= progress(old);
  return turn.id > old.id && (isFinal(old) || turn.state !== 'queued');
}

/** Keeps the turn that a session is in, or was in last. @param {Turn} turn */
export function putTurn(turn) {
  const box = turns.peek().get(turn.session);
  if (!box) turns.value = new Map(turns.peek()).set(turn.session, signal(turn));
  else if (isNews(turn, box.peek())) box.value = turn;
}

/** Forgets the turns whose end may have been missed; one that still runs is told of again. */
export function forgetOpenTurns() {
  turns.value = new Map([...turns.peek()].filter(([, box]) => isFinal(box.peek())));
}

/** What a session does, in one word. @param {Session} view @returns {'ready' | 'busy' | 'blocked' | 'starting' | 'unknown' | 'exited' | 'failed'} */
export function stateOf(view) {
  if (view.state === 'exited') return view.exit?.code ? 'failed' : 'exited';
  return view.activity?.state ?? 'unknown';
}

/** The word a person reads. */
export const words = {
  ready: 'Ready', busy: 'Working', blocked: 'Needs you', starting: 'Starting', unknown: 'Unclear', exited: 'Ended', failed: 'Failed',
};

/** Since when it is as it is. @param {Session} view */
export const since = (view) => (view.state === 'exited' ? view.exit?.at : view.activity?.since) ?? view.createdAt;

/** Whether something came to a rest there since this person last looked. @param {Session} view */
export function isUnread(view) {
  const seen = looked.value[view.name];
  const state = stateOf(view);
  return seen !== undefined && state !== 'busy' && state !== 'starting' && ms(since(view)) > seen + 500;
}

/** @param {string} name */
export function look(name) {
  const seen = looked.peek();
  if (Date.now() - (seen[name] ?? 0) > 1000) looked.value = { ...seen, [name]: Date.now() };
}

/** The same boxes in the same order? Then the old list: nobody draws anew for it. @param {Box[]} old @param {Box[]} next */
export const settled = (old, next) => (old.length === next.length && old.every((box, i) => box === next[i]) ? old : next);

export const list = computed(() => [...sessions.value.values()]);
/** The sessions that wait for a person. */
export const waiting = computed(() => list.value.filter((box) => stateOf(box.value) === 'blocked').map((box) => box.value));
