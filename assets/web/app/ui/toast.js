// Short messages at the edge. What went wrong stays until it is closed; the rest goes by itself.
import { html, signal } from '../../vendor/preact.js';
import { Icon } from './icon.js';
import { Refused } from '../api.js';

/** @typedef {{ id: number, text: string, hint: string, wrong: boolean }} Toast */
/** @type {import('../../vendor/preact.js').Signal<Toast[]>} */
const toasts = signal([]);
let last = 0;

/** @param {number} id */
const drop = (id) => { toasts.value = toasts.value.filter((toast) => toast.id !== id); };

/** @param {string} text @param {{ hint?: string, wrong?: boolean }} [more] */
export function say(text, { hint = '', wrong = false } = {}) {
  const id = ++last;
  const same = toasts.value.filter((toast) => toast.text !== text);
  toasts.value = [...same, { id, text, hint, wrong }].slice(-4);
  setTimeout(() => drop(id), wrong ? 12_000 : 3_500);
}

/** @param {unknown} error */
export function sayError(error) {
  if (error instanceof Refused) {
    if (error.status !== 401) say(error.message, { hint: error.hint, wrong: true });
  } else if (!(error instanceof DOMException && error.name === 'AbortError')) {
    say(error instanceof Error ? error.message : String(error), { wrong: true });
  }
}

/** Runs something that may be refused, and says so if it is. @template T @param {() => Promise<T>} run @returns {Promise<T | undefined>} */
export async function tried(run) {
  try {
    return await run();
  } catch (error) {
    sayError(error);
    return undefined;
  }
}

/** A popover, so that it stands above open dialogs. @param {HTMLElement | null} box */
function above(box) {
  if (!box?.showPopover) return;
  if (box.matches(':popover-open')) box.hidePopover();
  box.showPopover();
}

export function Toasts() {
  const all = toasts.value;
  return html`<div class="unseen" role="status" aria-live="polite">${all.at(-1)?.text}</div>
    ${all.length > 0 && html`<div key=${all.at(-1)?.id} class="toasts" popover="manual" ref=${above}>
      ${all.map((toast) => html`<div key=${toast.id} class="toast ${toast.wrong ? 'wrong' : ''}">
        <div class="grow"><div>${toast.text}</div>${toast.hint && html`<div class="hint">${toast.hint}</div>`}</div>
        <button class="btn quiet icon-only" aria-label="Close message" onClick=${() => drop(toast.id)}><${Icon} name="close" /></button>
      </div>`)}
    </div>`}`;
}
