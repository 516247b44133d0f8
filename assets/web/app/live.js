// Keeps the store true: a list, then what changes, pushed by `GET /api/events` from the event that the list names.
import { batch, signal } from '../vendor/preact.js';
import { get, Refused } from './api.js';
import { forget, forgetOpenTurns, isFinal, me, put, putActivity, putTurn, replaceAll } from './store.js';
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
/** How many lists were asked for. */
let lists = 0;
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

/** The list is shown as soon as it is there; the stream goes on where it ends. What comes before it is kept: nothing falls between the two. */
function open() {
  source?.close();
  const mine = openStream({
    events(all) {
      if (mine !== source) return;
      for (const [kind, data] of all) {
        if (kind === 'reset') reset();
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
  return list();
}

/** Something was missed, perhaps the end of a turn. */
function reset() {
  forgetOpenTurns();
  list();
}

/** Of several lists that are under way only the newest counts. */
async function list() {
  const mine = source;
  const number = ++lists;
  listed = false;
  queue = [];
  try {
    let id = '';
    const all = await get('/api/sessions', { head: (headers) => { id = headers.get('x-llmux-event') ?? ''; } });
    if (number !== lists) return;
    replaceAll(all);
    trouble.value = null;
    listed = true;
    drain();
    if (mine === source) mine?.from(id);
  } catch (error) {
    if (number !== lists) return;
    trouble.value = error instanceof Refused ? error : new Refused(0, { error: String(error) });
    if (mine === source) lost();
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

