// Texts of as many lines as they like, each in a field of its own.
import { html } from '../../vendor/preact.js';
import { Icon } from './icon.js';

/** @param {{ label: string, texts: string[], set: (texts: string[]) => void, help?: string }} props */
export function Blocks({ label, texts, set, help }) {
  /** @param {number} i @param {string} text */
  const change = (i, text) => set(texts.map((old, j) => (j === i ? text : old)));
  return html`${texts.length > 0 && html`<div class="blocks">${texts.map((text, i) => html`<div class="one" key=${i}>
      <textarea class="grow mono" rows=${Math.min(8, Math.max(2, text.split('\n').length))} aria-label=${`${label} ${i + 1}`} value=${text} onInput=${(/** @type {any} */ event) => change(i, event.target.value)} />
      <button type="button" class="btn quiet icon-only" aria-label=${`Remove ${label.toLowerCase()} ${i + 1}`} onClick=${() => set(texts.filter((_, j) => j !== i))}><${Icon} name="trash" /></button></div>`)}</div>`}
    <div class="row"><button type="button" class="btn" onClick=${() => set([...texts, ''])}><${Icon} name="plus" />Add a prompt</button>
      ${help && html`<span class="help">${help}</span>`}</div>`;
}
