// Pictures that were sent to an agent, where a text names them: small, and large when they are touched.
import { html } from '../../vendor/preact.js';
import { at } from '../api.js';
import { place } from '../router.js';
import { Icon } from '../ui/icon.js';
import { Sheet, show } from '../ui/sheet.js';

const NAMED = /\.llmux-uploads\/([\w.-]+\.(?:png|jpe?g|gif|webp))\b/gi;

/** @param {{ text: string }} props */
export function Pictures({ text }) {
  const files = [...new Set([...text.matchAll(NAMED)].map(([, file]) => file))];
  if (files.length === 0) return null;
  return html`<div class="pictures">${files.map((file) => html`<${Picture} key=${file} name=${place.value.name} file=${file} />`)}</div>`;
}

/** @param {{ name: string, file: string }} props */
function Picture({ name, file }) {
  const from = at(name, `/uploads/${encodeURIComponent(file)}`);
  const open = () => show((close) => html`<${Sheet} title=${file} close=${close} width=${1200}
    foot=${html`<a class="btn" href=${from} download=${file}><${Icon} name="down" />Download</a><button class="btn primary" data-focus onClick=${() => close()}>Close</button>`}>
    <img class="picture-large" src=${from} alt=${file} /></${Sheet}>`);
  // One that is gone by now is no picture.
  return html`<button type="button" class="picture" aria-label=${`Show ${file}`} onClick=${open}><img src=${from} alt="" loading="lazy" onError=${(/** @type {any} */ event) => { event.target.parentElement.hidden = true; }} /></button>`;
}
