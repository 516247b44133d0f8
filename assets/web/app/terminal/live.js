// Keys as they are typed, on a keyboard that composes. What GBoard or an input method puts together is kept in the field
// until it is whole; then it goes out once, and the field is empty again.
import { html, useRef } from '../../vendor/preact.js';
import { Icon } from '../ui/icon.js';
import { encode, mods, spend } from './keys.js';

/** @type {Record<string, string>} */
const named = {
  Enter: 'Enter', Backspace: 'Bksp', Delete: 'Del', Tab: 'Tab', Escape: 'Esc', ArrowUp: 'Up', ArrowDown: 'Down', ArrowLeft: 'Left', ArrowRight: 'Right',
  Home: 'Home', End: 'End', PageUp: 'PgUp', PageDown: 'PgDn', Insert: 'Ins',
};

/** @param {{ type: (bytes: string) => boolean | void, application: () => boolean, done: () => void, may: boolean }} props */
export function LiveInput({ type, application, done, may }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));

  /** What is in the field goes out, whole. @param {HTMLInputElement} input */
  function flush(input) {
    const text = input.value;
    input.value = '';
    if (text === '') return;
    const held = mods.peek();
    // A sticky modifier is for the first character; the rest is as it is.
    if (held.ctrl !== 'off' || held.alt !== 'off' || held.shift !== 'off') {
      const [first, ...rest] = [...text];
      type(encode(first) + rest.join(''));
      spend();
    } else type(text);
  }

  /** @param {InputEvent} event */
  const onInput = (event) => { if (!event.isComposing) flush(/** @type {HTMLInputElement} */ (event.target)); };
  /** Some keyboards end a composition behind its last input, some before. @param {Event} event */
  const onEnd = (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    queueMicrotask(() => flush(input));
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const input = /** @type {HTMLInputElement} */ (event.target);
    const key = named[event.key];
    if (key && (input.value === '' || key === 'Enter')) {
      event.preventDefault();
      flush(input);
      type(encode(key, application()));
      spend();
    } else if (event.ctrlKey && !event.metaKey && event.key.length === 1 && event.key !== 'v') {
      event.preventDefault();
      type(String.fromCharCode(event.key.toUpperCase().charCodeAt(0) & 0x1f));
    }
  };
  return html`<div class="composer"><form class="composer-box" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); if (field.current) flush(field.current); type('\r'); }}>
    <button type="button" class="btn quiet icon-only" aria-label="Back to prompts" title="Back to prompts" aria-pressed="true" onClick=${done}><${Icon} name="keyboard" /></button>
    <input ref=${field} type="text" class="live mono" aria-label="Keys for the terminal" placeholder=${may ? 'Keys go to the terminal as you type' : 'You may look, but not type'} disabled=${!may}
      autocomplete="off" autocapitalize="off" autocorrect="off" spellcheck=${false} enterkeyhint="send" onInput=${onInput} onCompositionEnd=${onEnd} onKeyDown=${onKey} />
    <button type="submit" class="btn primary icon-only" aria-label="Enter" title="Enter">⏎</button>
  </form></div>`;
}
