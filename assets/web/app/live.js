// Keeps the store true: one list, then what changes, pushed by `GET /api/events`. Nothing is asked twice.
import { batch, signal } from '../vendor/preact.js';
import { get, Refused, toLogin } from './api.js';
import { forget, isFinal, me, put, putActivity, putTurn, replaceAll } from './store.js';
import { told } from './notify.js';
import { openStream } from './stream.js';

/** `live`: what is shown is true. `late`: the stream is being opened. `cut`: it could not be. */
export const link = signal(/** @type {'late' | 'live' | 'cut'} */ ('late'));
/** Why the list could not be had. @type {import('../vendor/preact.js').Signal<Refused | null>} */
export const trouble = signal(null);

/** @type {{ close: () => void } | null} */
let source = null;
let wait = 500;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {[string, any][]} */
let queue = [];
let drained = 0;

export async function startLive() {
  get('/api/auth/whoami').then((who) => { me.value = /** @type {any} */ (who); }, () => {});
  open();
  addEventListener('online', () => retry());
  document.addEventListener('visibilitychange', () => { if (!document.hidden && link.value !== 'live') retry(); });
}

export function retry() {
  clearTimeout(timer);
  wait = 500;
  open();
}

async function reload() {
  try {
    replaceAll(await get('/api/sessions'));
    trouble.value = null;
  } catch (error) {
    trouble.value = error instanceof Refused ? error : new Refused(0, { error: String(error) });
    throw error;
  }
}

/** The stream is opened first and what it says kept until the list is there: nothing falls between the two. */
function open() {
  source?.close();
  let listed = false;
  const mine = openStream({
    event(kind, data) {
      if (mine !== source) return;
      queue.push([kind, JSON.parse(data || '{}')]);
      if (listed && queue.length === 1) soon();
    },
    async open() {
      if (mine !== source) return;
      try {
        await reload();
        if (mine !== source) return;
        listed = true;
        drain();
        link.value = 'live';
        wait = 500;
      } catch {
        if (mine === source) lost();
      }
    },
    error() { if (mine === source) lost(); },
  });
  source = mine;
}

async function lost() {
  source?.close();
  source = null;
  queue = [];
  if (link.value === 'live') link.value = 'late';
  timer = setTimeout(open, wait * (0.75 + Math.random() / 2));
  if (wait > 500) link.value = 'cut';
  wait = Math.min(wait * 2, 15_000);
  // An event stream does not say why it was refused; the list does. It is also all there is where no stream can be had.
  try {
    await reload();
  } catch (error) {
    if (error instanceof Refused && error.status === 401) toLogin();
  }
}

/** At once after a quiet time, else a few times a second: a busy house is read no faster than that. */
function soon() {
  const wait = Math.max(0, drained + (document.hidden ? 500 : 250) - performance.now());
  if (wait > 0 || document.hidden) setTimeout(drain, wait);
  else requestAnimationFrame(drain);
}

function drain() {
  drained = performance.now();
  const all = queue;
  queue = [];
  batch(() => { for (const [kind, value] of all) apply(kind, value); });
}

/** @param {string} kind @param {any} value */
function apply(kind, value) {
  if (kind === 'session') put(value.session);
  else if (kind === 'activity') putActivity(value.session, value.activity);
  else if (kind === 'session_gone') forget(value.name);
  else if (kind === 'reset') reload().catch(() => {});
  else if (kind === 'turn') {
    const { turn } = value;
    putTurn(turn);
    if (isFinal(turn)) told.turn(turn);
  }
}

