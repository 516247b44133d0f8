// Keeps the store true: one list, then what changes, pushed by `GET /api/events`. Nothing is asked twice.
import { batch, signal } from '../vendor/preact.js';
import { get, Refused } from './api.js';
import { forget, isFinal, me, put, putActivity, putTurn, replaceAll } from './store.js';
import { told } from './notify.js';
import { openStream } from './stream.js';

/** `live`: what is shown is true. `late`: the stream is being opened. `cut`: it could not be. */
export const link = signal(/** @type {'late' | 'live' | 'cut'} */ ('late'));
/** Why the list could not be had. @type {import('../vendor/preact.js').Signal<Refused | null>} */
export const trouble = signal(null);

/** @type {import('./stream.js').Stream | null} */
let source = null;
/** Whether the list is there that events change. */
let listed = false;
let wait = 500;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {[string, any][]} */
let queue = [];

/** Begins. @returns {Promise<void>} until the first list is there, or can't be had */
export function startLive() {
  get('/api/auth/whoami').then((who) => { me.value = /** @type {any} */ (who); }, () => {});
  addEventListener('online', () => retry());
  // A page that the browser had put away left the stream, and knows nothing since.
  addEventListener('pageshow', ({ persisted }) => { if (persisted) retry(); });
  document.addEventListener('visibilitychange', () => { if (!document.hidden && link.value !== 'live') retry(); });
  return open();
}

export function retry() {
  clearTimeout(timer);
  wait = 500;
  open();
}

/** @returns {Promise<string>} the id of the last event that the list knows of */
async function reload() {
  let id = '';
  try {
    replaceAll(await get('/api/sessions', { head: (headers) => { id = headers.get('x-llmux-event') ?? ''; } }));
    trouble.value = null;
  } catch (error) {
    trouble.value = error instanceof Refused ? error : new Refused(0, { error: String(error) });
    throw error;
  }
  return id;
}

/** The list is shown as soon as it is there; the stream goes on where it ends. What comes before it is kept: nothing falls between the two. */
async function open() {
  source?.close();
  const mine = openStream({
    events(all) {
      if (mine !== source) return;
      for (const [kind, data] of all) {
        if (kind === 'reset') list(mine);
        else queue.push([kind, JSON.parse(data)]);
      }
      drain();
    },
    open() {
      if (mine !== source) return;
      link.value = 'live';
      wait = 500;
    },
    error() { if (mine === source) lost(); },
  });
  source = mine;
  const id = await list(mine);
  if (id !== undefined) mine.from(id);
}

/** @param {import('./stream.js').Stream} mine */
async function list(mine) {
  listed = false;
  queue = [];
  try {
    const id = await reload();
    if (mine !== source) return undefined;
    listed = true;
    drain();
    return id;
  } catch {
    if (mine === source) lost();
    return undefined;
  }
}

/** A list is asked for with each stream: where no stream can be had it is all there is, and it says why. */
function lost() {
  source?.close();
  source = null;
  if (link.value === 'live') link.value = 'late';
  timer = setTimeout(open, wait * (0.75 + Math.random() / 2));
  if (wait > 500) link.value = 'cut';
  wait = Math.min(wait * 2, 15_000);
}

function drain() {
  if (!listed) return;
  const all = queue;
  queue = [];
  batch(() => { for (const [kind, value] of all) apply(kind, value); });
}

/** @param {string} kind @param {any} value */
function apply(kind, value) {
  if (kind === 'session') put(value.session);
  else if (kind === 'activity') putActivity(value.session, value.activity);
  else if (kind === 'session_gone') forget(value.name);
  else if (kind === 'turn') {
    const { turn } = value;
    putTurn(turn);
    if (isFinal(turn)) told.turn(turn);
  }
}

