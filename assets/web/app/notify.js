// Tells a person who looks elsewhere: a number in the title, and notifications if they are wanted.
import { effect } from '../vendor/preact.js';
import { chatOf, place, terminalOf } from './router.js';
import { notifyOn, pushOn } from './prefs.js';
import { loaded, waiting } from './store.js';

/** Dialogs that were told of, by session. @type {Map<string, string>} */
const known = new Map();
let pageTitle = 'llmux';

/** @param {string} text */
export function setTitle(text) {
  pageTitle = text ? `${text} · llmux` : 'llmux';
  draw();
}

function draw() {
  const count = waiting.peek().length;
  document.title = count > 0 ? `(${count}) ${pageTitle}` : pageTitle;
}

export const canNotify = () => 'Notification' in window && isSecureContext;

/** Asks once, at the person's own tap. @returns {Promise<boolean>} */
export async function allow() {
  if (!canNotify()) return false;
  const answer = Notification.permission === 'default' ? await Notification.requestPermission() : Notification.permission;
  notifyOn.value = answer === 'granted';
  return notifyOn.value;
}

/** @param {string} name */
function isLookedAt(name) {
  return !document.hidden && document.hasFocus() && (location.pathname === terminalOf(name) || location.pathname === chatOf(name));
}

/** @param {string} title @param {string} body @param {string} tag @param {string} path */
async function notify(title, body, tag, path) {
  if (!notifyOn.peek() || pushOn.peek() || !canNotify() || Notification.permission !== 'granted') return;
  const options = { body, tag, icon: '/icon-192.png', data: { path } };
  // On Android only a service worker may show one.
  const worker = await navigator.serviceWorker?.getRegistration().catch(() => undefined);
  if (worker) {
    await worker.showNotification(title, options).catch(() => {});
    return;
  }
  const shown = new Notification(title, options);
  shown.onclick = () => { window.focus(); location.assign(path); };
}

export const told = {
  /** @param {import('./types').Turn} turn */
  turn(turn) {
    if (!document.hidden || isLookedAt(turn.session)) return;
    const how = turn.state === 'ended' ? 'has answered' : turn.state === 'failed' ? 'failed' : '';
    if (how) notify(`${turn.session} ${how}`, turn.reply?.text.slice(0, 200) || turn.prompt.head, `turn-${turn.session}`, terminalOf(turn.session));
  },
};

export function startNotify() {
  effect(() => {
    const open = waiting.value;
    place.value;
    draw();
    for (const name of [...known.keys()]) if (!open.some((view) => view.name === name)) known.delete(name);
    for (const view of open) {
      const id = view.activity?.dialog?.id ?? view.activity?.since ?? '';
      if (known.get(view.name) === id) continue;
      known.set(view.name, id);
      if (loaded.peek() && !isLookedAt(view.name) && document.hidden) {
        notify(`${view.name} needs you`, view.activity?.dialog?.question || view.activity?.detail || '', `dialog-${view.name}`, terminalOf(view.name));
      }
    }
  });
}
