// One stream of events for all tabs. A browser opens six connections to a daemon at most: with one a tab the seventh tab
// would never load. Where there are no shared workers (on some phones), each tab has its own.

/** What `GET /api/events` tells of. */
export const kinds = ['session', 'session_gone', 'activity', 'turn', 'reset'];

/** @typedef {{ open: () => void, event: (kind: string, data: string) => void, error: () => void }} Heard */

/** @param {Heard} heard @returns {{ close: () => void }} */
export function openStream(heard) {
  return shared(heard) ?? own(heard);
}

/** @param {Heard} heard */
function own(heard) {
  const source = new EventSource('/api/events');
  for (const kind of kinds) source.addEventListener(kind, (event) => heard.event(kind, /** @type {MessageEvent} */ (event).data));
  source.onopen = heard.open;
  source.onerror = () => { source.close(); heard.error(); };
  return { close: () => source.close() };
}

/** @param {Heard} heard */
function shared(heard) {
  if (!('SharedWorker' in window)) return null;
  let worker;
  try {
    worker = new SharedWorker(new URL('./shared.js', import.meta.url), { type: 'module' });
  } catch {
    return null;
  }
  const { port } = worker;
  const leave = () => port.postMessage('leave');
  const close = () => {
    removeEventListener('pagehide', leave);
    port.onmessage = null;
    leave();
    port.close();
  };
  port.onmessage = ({ data: [kind, data] }) => {
    if (kind === 'open') heard.open();
    else if (kind === 'error') { close(); heard.error(); }
    else heard.event(kind, data);
  };
  worker.onerror = () => { close(); heard.error(); };
  addEventListener('pagehide', leave);
  return { close };
}
