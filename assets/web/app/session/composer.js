// Where a prompt is written. A field of the browser's own: what a keyboard, a dictation or an input method composes here
// is whole before anything of it is sent.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../../vendor/preact.js';
import { at, post } from '../api.js';
import { history } from '../prefs.js';
import { isFinal, putTurn, turns } from '../store.js';
import { Icon } from '../ui/icon.js';
import { sayError } from '../ui/toast.js';
import { interrupt } from './actions.js';
import { TurnStrip } from './turn.js';
import { upload } from './upload.js';

/** @typedef {{ insert: (text: string) => void, focus: () => void }} ComposerApi */

/** Half-written prompts, by session: a look elsewhere loses nothing. @type {Map<string, string>} */
const drafts = new Map();

/** @param {{ name: string, may: boolean, busy: boolean, api?: { current: ComposerApi | null }, lead?: any, placeholder?: string }} props */
export function Composer({ name, may, busy, api, lead, placeholder }) {
  const [text, setText] = useState(drafts.get(name) ?? '');
  const [sending, setSending] = useState(false);
  const [dropped, setDropped] = useState('');
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const picker = useRef(/** @type {HTMLInputElement | null} */ (null));
  const back = useRef(-1);
  const sent = useRef('');
  const turn = turns.value.get(name)?.value;

  /** @param {string} next */
  const write = (next) => {
    setText(next);
    if (next === '') drafts.delete(name);
    else drafts.set(name, next);
  };
  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = '';
    if (text !== '') area.style.height = `${Math.min(area.scrollHeight + 2, innerHeight * 0.36)}px`;
  }, [text]);
  useEffect(() => {
    if (!api) return undefined;
    api.current = {
      focus: () => field.current?.focus(),
      insert: (added) => {
        const area = field.current;
        const from = area?.selectionStart ?? text.length;
        const value = area?.value ?? text;
        write(`${value.slice(0, from)}${added}${value.slice(area?.selectionEnd ?? from)}`);
        area?.focus();
      },
    };
    return () => { api.current = null; };
  });

  /** @param {string} prompt @param {'fail' | 'replace' | 'keep'} [draft] */
  async function send(prompt, draft = 'fail') {
    if (prompt.trim() === '' || sending) return;
    setSending(true);
    try {
      // A key of its own: if the answer is lost on the way, sending again types nothing twice.
      const key = crypto.getRandomValues(new Uint32Array(4)).join('-');
      const made = /** @type {any} */ (await post(at(name, '/turns'), { prompt, wait: 'queued', draft, key }));
      putTurn(made.turn ?? made);
      sent.current = prompt;
      history.value = [prompt, ...history.peek().filter((old) => old !== prompt)].slice(0, 50);
      back.current = -1;
      if (field.current?.value === prompt) write('');
      setDropped('');
    } catch (error) {
      sayError(error);
    }
    setSending(false);
    field.current?.focus();
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const area = /** @type {HTMLTextAreaElement} */ (event.target);
    // 229: a key that an input method has taken.
    if (event.isComposing || event.keyCode === 229) return;
    const phone = matchMedia('(pointer: coarse)').matches;
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey && (!phone || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      send(text);
    } else if (event.key === 'ArrowUp' && (text === '' || back.current >= 0) && area.selectionStart === 0) {
      older(1, event);
    } else if (event.key === 'ArrowDown' && back.current >= 0 && area.selectionEnd === text.length) {
      older(-1, event);
    } else if (event.key === 'Escape') {
      area.blur();
    }
  }
  /** @param {number} step @param {Event} event */
  function older(step, event) {
    const next = back.current + step;
    if (next >= history.peek().length) return;
    event.preventDefault();
    back.current = next;
    write(next < 0 ? '' : history.peek()[next]);
    requestAnimationFrame(() => field.current?.setSelectionRange(0, 0));
  }

  /** @param {FileList | null | undefined} files */
  async function attach(files) {
    if (!files || files.length === 0) return;
    const paths = await upload(name, [...files]);
    if (paths.length > 0) api?.current?.insert(`${paths.join(' ')} `);
  }

  const runs = turn && !isFinal(turn);
  return html`<div class="composer">
    ${turn && turn.id !== dropped && (runs || sent.current !== '' || turn.error) && html`<${TurnStrip} turn=${turn} drop=${() => setDropped(turn.id)} again=${sent.current ? (/** @type {'replace' | 'keep'} */ draft) => send(sent.current, draft) : undefined} />`}
    <form class="composer-box" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); send(text); }}>
      ${lead}
      <button type="button" class="btn quiet icon-only" aria-label="Attach a file" title="Attach a file" disabled=${!may} onClick=${() => picker.current?.click()}><${Icon} name="clip" /></button>
      <input ref=${picker} type="file" hidden multiple onChange=${(/** @type {any} */ event) => { attach(event.target.files); event.target.value = ''; }} />
      <textarea ref=${field} rows="1" data-composer aria-label=${`Prompt for ${name}`} placeholder=${placeholder ?? (may ? `Prompt ${name}` : 'No prompts here now')} disabled=${!may} value=${text}
        enterkeyhint="enter" onInput=${(/** @type {any} */ event) => { back.current = -1; write(event.target.value); }} onKeyDown=${onKey}
        onPaste=${(/** @type {ClipboardEvent} */ event) => { if (event.clipboardData?.files.length) { event.preventDefault(); attach(event.clipboardData.files); } }} />
      ${busy && html`<button type="button" class="btn icon-only" aria-label="Interrupt the agent" title="Interrupt (Escape)" onClick=${() => interrupt(name)}><${Icon} name="stop" /></button>`}
      <button type="submit" class="btn primary icon-only" aria-label="Send" title="Send (Enter)" disabled=${!may || sending || text.trim() === ''}><${Icon} name="send" /></button>
    </form>
  </div>`;
}
