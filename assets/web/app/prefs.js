// What this browser remembers. A browser that refuses to remember works on.
import { signal } from '../vendor/preact.js';

/** @template T @param {string} key @param {T} initial */
export function kept(key, initial) {
  const box = signal(read(key, initial));
  return {
    get value() { return box.value; },
    peek: () => box.peek(),
    set value(/** @type {T} */ next) {
      box.value = next;
      try {
        localStorage.setItem(`llmux.${key}`, JSON.stringify(next));
      } catch { /* private mode, or full */ }
    },
  };
}

/** @template T @param {string} key @param {T} initial @returns {T} */
function read(key, initial) {
  try {
    const text = localStorage.getItem(`llmux.${key}`);
    if (text === null) return initial;
    const value = JSON.parse(text);
    return typeof value === typeof initial && Array.isArray(value) === Array.isArray(initial) ? value : initial;
  } catch {
    return initial;
  }
}

export const theme = kept('theme', 'system');
export const fontSize = kept('term.fontSize', 14);
export const readOnly = kept('term.readOnly', false);
export const keyRow = kept('term.keys', /** @type {string[]} */ ([]));
export const showKeys = kept('term.showKeys', matchMedia('(pointer: coarse)').matches);
export const group = kept('picker.group', 'state');
export const sort = kept('picker.sort', 'recent');
export const notifyOn = kept('notify', false);
/** Whether this device is told by a push service: then no page tells it as well. */
export const pushOn = kept('push', false);
/** When each session was last looked at, in milliseconds. */
export const looked = kept('looked', /** @type {Record<string, number>} */ ({}));
/** The last prompts, the newest first. */
export const history = kept('prompts', /** @type {string[]} */ ([]));

export function applyTheme() {
  const chosen = theme.value;
  if (chosen === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}
