// One stream of events for all tabs. A browser opens six connections to a daemon at most: with one a tab the seventh tab
// would never load. Where there are no shared workers (on some phones), each tab has its own.

/** What `GET /api/events` tells of. */
const kinds = ['session', 'session_gone', 'activity', 'turn', 'reset'];

/** Milliseconds between two looks at a busy house. */
const PACE = 333;

/**
 * @typedef {[kind: string, data: string]} News
 * @typedef {{ open: () => void, events: (all: News[]) => void, error: () => void }} Heard
 * @typedef {{ from: (id: string) => void, close: () => void }} Stream `from` asks for what came behind the event of that id.
 */

/** The last event that was heard, in this tab or in the worker of all. It outlives a broken stream: what that held back is told again. */
export let last = '';

/**
 * Events behind the last one that was heard, or else behind that one: at once after a quiet time, else as many as have come, a few times a second.
 * @param {string} id @param {(all: News[]) => void} hear
 */
export function eventsAfter(id, hear) {
  last ||= id;
  const source = new EventSource(`/api/events?after=${encodeURIComponent(last)}`);
  /** @type {News[]} */ let waiting = [];
  let latest = last;
  let heard = 0;
  const flush = () => {
    if (waiting.length === 0 || source.readyState === EventSource.CLOSED) return;
    heard = performance.now();
    const all = waiting;
    waiting = [];
    last = latest;
    hear(all);
  };
  for (const kind of kinds) {
    source.addEventListener(kind, (event) => {
      const { data, lastEventId } = /** @type {MessageEvent} */ (event);
      latest = lastEventId || latest;
      if (waiting.push([kind, data]) === 1) setTimeout(flush, Math.max(0, heard + PACE - performance.now()));
    });
  }
  return source;
}

/** @param {Heard} heard @returns {Stream} */
export function openStream(heard) {
  return shared(heard) ?? own(heard);
}

/** @param {Heard} heard @returns {Stream} */
function own(heard) {
  /** @type {EventSource | undefined} */ let source;
  return {
    from(id) {
      if (source) return;
      source = eventsAfter(id, heard.events);
      source.onopen = heard.open;
      source.onerror = () => { source?.close(); heard.error(); };
    },
    close: () => source?.close(),
  };
}

/** @param {Heard} heard @returns {Stream | null} */
function shared(heard) {
  if (!('SharedWorker' in window)) return null;
  let worker;
  try {
    worker = new SharedWorker(new URL('./shared.js', import.meta.url), { type: 'module' });
  } catch {
    return null;
  }
  const { port } = worker;
  const leave = () => port.postMessage(['leave']);
  const close = () => {
    removeEventListener('pagehide', leave);
    port.onmessage = null;
    leave();
    port.close();
  };
  port.onmessage = ({ data: [what, all] }) => {
    if (what === 'open') heard.open();
    else if (what === 'error') { close(); heard.error(); }
    else heard.events(all);
  };
  worker.onerror = () => { close(); heard.error(); };
  addEventListener('pagehide', leave);
  return { from: (id) => port.postMessage(['from', id]), close };
}
