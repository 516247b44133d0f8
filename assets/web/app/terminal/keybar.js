// The keys a phone's keyboard lacks. A press never takes the focus, so the keyboard stays as it is.
import { html, useState } from '../../vendor/preact.js';
import { keyRow } from '../prefs.js';
import { Icon } from '../ui/icon.js';
import { Field } from '../ui/parts.js';
import { Sheet, show } from '../ui/sheet.js';
import { codes, encode, mods, spend, tap } from './keys.js';

const standard = ['Esc', 'Tab', 'Ctrl', 'Alt', 'Left', 'Up', 'Down', 'Right', 'Enter', 'Shift', '/', '|', '-', '~', 'Home', 'End', 'PgUp', 'PgDn', 'Bksp', 'Del'];
const more = ['`', '\\', '_', '=', '+', '*', '&', '^', '%', '$', '#', '@', '!', '?', ':', ';', ',', '.', '(', ')', '[', ']', '{', '}', '<', '>', "'", '"',
  '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'Ins', 'F1', 'F2', 'F3', 'F4', 'F5', 'F6', 'F7', 'F8', 'F9', 'F10', 'F11', 'F12'];
/** @type {Record<string, string>} */
const icons = { Left: 'left', Right: 'right', Up: 'up', Down: 'down' };
const repeats = new Set(['Left', 'Right', 'Up', 'Down', 'Bksp', 'Del', 'PgUp', 'PgDn']);

/** @param {{ type: (bytes: string) => void, application: () => boolean }} props */
export function KeyBar({ type, application }) {
  const [all, setAll] = useState(false);
  const row = keyRow.value.length > 0 ? keyRow.value : standard;
  /** @param {string} key */
  const press = (key) => {
    type(encode(key, application()));
    spend();
  };
  return html`<div class="keybar" role="toolbar" aria-label="Terminal keys" onPointerDown=${(/** @type {Event} */ event) => { if (/** @type {Element} */ (event.target).closest('button')) event.preventDefault(); }}>
    <div class="keybar-row">
      ${row.map((key) => html`<${Key} key=${key} name=${key} press=${press} />`)}
      <button class="softkey" aria-label="Choose the keys" onClick=${choose}><${Icon} name="settings" /></button>
    </div>
    <button class="softkey fixed" aria-label="More keys" aria-expanded=${all} onClick=${() => setAll(!all)}><${Icon} name=${all ? 'down' : 'more'} /></button>
    ${all && html`<div class="keybar-all">${[...standard.filter((key) => !row.includes(key)), ...more.filter((key) => !row.includes(key))].map((key) => html`<${Key} key=${key} name=${key} press=${press} />`)}</div>`}
  </div>`;
}

/** @param {{ name: string, press: (key: string) => void }} props */
function Key({ name, press }) {
  const mod = /** @type {import('./keys.js').Mod | null} */ (/^(Shift|Ctrl|Alt)$/.test(name) ? name.toLowerCase() : null);
  if (mod) {
    const held = mods.value[mod];
    return html`<button class="softkey mod ${held}" aria-pressed=${held !== 'off'} title=${`${name}: a tap for the next key, two to lock`} onClick=${() => tap(mod)}>${name}${held === 'locked' && html`<${Icon} name="lock" />`}</button>`;
  }
  /** @param {PointerEvent} event */
  const hold = (event) => {
    if (!repeats.has(name) || event.button !== 0) return;
    let timer = setTimeout(function again() {
      press(name);
      timer = setTimeout(again, 70);
    }, 420);
    const stop = () => { clearTimeout(timer); removeEventListener('pointerup', stop); removeEventListener('pointercancel', stop); };
    addEventListener('pointerup', stop);
    addEventListener('pointercancel', stop);
  };
  return html`<button class="softkey ${name.length === 1 ? 'char' : ''}" aria-label=${name} onPointerDown=${hold} onClick=${() => press(name)}>${icons[name] ? html`<${Icon} name=${icons[name]} />` : name === 'Enter' ? '⏎' : name === 'Bksp' ? '⌫' : name}</button>`;
}

function choose() {
  show((close) => html`<${Choose} close=${close} />`);
}

/** @param {{ close: () => void }} props */
function Choose({ close }) {
  const [text, setText] = useState((keyRow.peek().length > 0 ? keyRow.peek() : standard).join(' '));
  const known = (/** @type {string} */ key) => codes[key] !== undefined || /^(Shift|Ctrl|Alt)$/.test(key) || [...key].length === 1;
  const keys = text.split(/\s+/).filter((key) => key !== '');
  const wrong = keys.filter((key) => !known(key));
  return html`<${Sheet} title="Keys above the keyboard" close=${close} onSubmit=${() => { if (wrong.length === 0) { keyRow.value = [...new Set(keys)]; close(); } }}
    foot=${html`<button type="button" class="btn" onClick=${() => { keyRow.value = []; close(); }}>As they were</button><button type="submit" class="btn primary" disabled=${wrong.length > 0}>Save</button>`}>
    <${Field} label="In this order, with blanks between" wrong=${wrong.length > 0 ? `No such key: ${wrong.join(', ')}` : ''} help="Esc Tab Ctrl Alt Shift Left Up Down Right Home End PgUp PgDn Enter Bksp Del Ins F1 to F12, or any character">
      ${(/** @type {string} */ id) => html`<textarea id=${id} class="mono" rows="4" autocapitalize="off" spellcheck=${false} value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} />`}</${Field}></${Sheet}>`;
}
