// The worker that holds the one stream of all tabs.
import { eventsAfter, last } from './stream.js';

/** Each tab, and the id of the last event that it knows of by its list, or that came before it listened. @type {Map<MessagePort, string>} */
const ports = new Map();
/** @type {EventSource | null} */
let source = null;

/** @param {'open' | 'events' | 'error'} what @param {import('./stream.js').News[]} [all] */
const tell = (what, all) => { for (const port of ports.keys()) port.postMessage([what, all]); };

/** @param {string} id */
function open(id) {
  source = eventsAfter(id, (all) => tell('events', all));
  for (const port of ports.keys()) ports.set(port, last);
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

/** Whether an event came before another, or nobody can tell: ids are counted behind the dash, each daemon for itself. @param {string} one @param {string} other */
function isBefore(one, other) {
  const [[epoch, number], [otherEpoch, otherNumber]] = [one.split('-'), other.split('-')];
  return epoch !== otherEpoch || Number(number) < Number(otherNumber);
}

/** A tab has a list that knows of all up to that event. @param {MessagePort} port @param {string} id */
function begin(port, id) {
  if (!source) open(id);
  else if (isBefore(id, ports.get(port) ?? '')) port.postMessage(['events', [['reset', '{}']]]);
  ports.set(port, id);
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
