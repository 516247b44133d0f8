// The worker that holds the one stream of all tabs.
import { kinds } from './stream.js';

/** @type {Set<MessagePort>} */
const ports = new Set();
/** @type {EventSource | null} */
let source = null;

/** @param {string} kind @param {string} [data] */
const tell = (kind, data) => { for (const port of ports) port.postMessage([kind, data]); };

function open() {
  source = new EventSource('/api/events');
  for (const kind of kinds) source.addEventListener(kind, (event) => tell(kind, /** @type {MessageEvent} */ (event).data));
  source.onopen = () => tell('open');
  source.onerror = () => {
    source?.close();
    source = null;
    // Each tab comes back when it sees fit.
    tell('error');
    ports.clear();
  };
}

/** @type {any} */ (globalThis).onconnect = (/** @type {MessageEvent} */ event) => {
  const [port] = event.ports;
  ports.add(port);
  port.onmessage = () => {
    ports.delete(port);
    if (ports.size > 0) return;
    source?.close();
    source = null;
  };
  if (!source) open();
  else if (source.readyState === EventSource.OPEN) port.postMessage(['open']);
};
