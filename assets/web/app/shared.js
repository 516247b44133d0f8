// The worker that holds the one stream of all tabs.
import { eventsAfter } from './stream.js';

/** Each tab, and the id of the last event that came before it listened. @type {Map<MessagePort, string>} */
const ports = new Map();
/** @type {EventSource | null} */
let source = null;
let last = '';

/** @param {'open' | 'events' | 'error'} what @param {import('./stream.js').News[]} [all] */
const tell = (what, all) => { for (const port of ports.keys()) port.postMessage([what, all]); };

/** @param {string} id */
function open(id) {
  last = id;
  for (const port of ports.keys()) ports.set(port, id);
  source = eventsAfter(id, (all, latest) => { last = latest; tell('events', all); });
  source.onopen = () => tell('open');
  source.onerror = () => {
    shut();
    // Each tab comes back when it sees fit.
    tell('error');
    ports.clear();
  };
}

function shut() {
  source?.close();
  source = null;
}

/** Ids are counted behind their dash. @param {string} id */
const count = (id) => Number(id.split('-').pop());

/** A tab has a list that knows of all up to that event. @param {MessagePort} port @param {string} id */
function begin(port, id) {
  if (!source) open(id);
  else if (count(id) < count(ports.get(port) ?? '')) port.postMessage(['events', [['reset', '{}']]]);
  if (source?.readyState === EventSource.OPEN) port.postMessage(['open']);
}

/** @type {any} */ (globalThis).onconnect = (/** @type {MessageEvent} */ event) => {
  const [port] = event.ports;
  ports.set(port, last);
  port.onmessage = ({ data: [what, id] }) => {
    if (what === 'from') begin(port, id);
    else if (ports.delete(port) && ports.size === 0) shut();
  };
};
