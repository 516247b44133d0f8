// One prompt for several sessions.
import { html, useState } from '../../vendor/preact.js';
import { at, post } from '../api.js';
import { Sheet } from '../ui/sheet.js';
import { Field } from '../ui/parts.js';
import { each } from './actions.js';

/** @param {{ names: string[], close: () => void }} props */
export function Broadcast({ names, close }) {
  const [text, setText] = useState('');
  const send = () => {
    if (text.trim() === '') return;
    close();
    each(names, 'Sent', (name) => post(at(name, '/turns'), { prompt: text, wait: 'queued' }));
  };
  return html`<${Sheet} title=${`Prompt ${names.length} ${names.length === 1 ? 'session' : 'sessions'}`} close=${close} onSubmit=${send}
    foot=${html`<button type="button" class="btn" onClick=${() => close()}>Cancel</button><button type="submit" class="btn primary" disabled=${text.trim() === ''}>Send to ${names.length}</button>`}>
    <div class="stack"><${Field} label="Prompt" help="Each session takes it when it is ready. Ctrl Enter sends.">${(/** @type {string} */ id) => html`<textarea id=${id} data-focus rows="6" value=${text}
      onInput=${(/** @type {any} */ event) => setText(event.target.value)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.isComposing) send(); }} />`}</${Field}>
    <p class="mono small muted wrap">${names.join('  ')}</p></div></${Sheet}>`;
}
