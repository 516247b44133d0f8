// Dialogs. The browser's own <dialog>: focus stays in it, Escape closes it, what is behind can't be reached.
import { html, signal, useLayoutEffect, useRef } from '../../vendor/preact.js';
import { Icon } from './icon.js';

/** What is open, the last on top. @type {import('../../vendor/preact.js').Signal<{ id: number, draw: (close: (value?: any) => void) => any }[]>} */
const open = signal([]);
let last = 0;

/**
 * Opens a dialog and gives what it was closed with.
 * @param {(close: (value?: any) => void) => any} draw @returns {Promise<any>}
 */
export function show(draw) {
  return new Promise((resolve) => {
    const id = ++last;
    open.value = [...open.value, {
      id,
      draw: () => draw((value) => {
        open.value = open.value.filter((sheet) => sheet.id !== id);
        resolve(value);
      }),
    }];
  });
}

/** A page that changes closes what it opened. */
export function closeAll() {
  if (open.value.length > 0) open.value = [];
}

/** @param {{ title: any, close: (value?: any) => void, children?: any, foot?: any, width?: number, onSubmit?: () => void }} props */
export function Sheet({ title, close, children, foot, width = 520, onSubmit }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    const wanted = /** @type {HTMLElement | null} */ (dialog?.querySelector('[data-focus]'));
    wanted?.focus();
    return () => dialog?.close();
  }, []);
  const inside = html`<div class="sheet-body">${children}</div>${foot && html`<div class="sheet-foot">${foot}</div>`}`;
  return html`<dialog ref=${box} class="sheet" style=${{ '--sheet': `${width}px` }} aria-labelledby="sheet-title"
      onCancel=${(/** @type {Event} */ event) => { event.preventDefault(); close(); }}
      onMouseDown=${(/** @type {MouseEvent} */ event) => { if (event.target === box.current) close(); }}>
    <div class="sheet-head"><h2 id="sheet-title" class="clip">${title}</h2>
      <button class="btn quiet icon-only" type="button" aria-label="Close" onClick=${() => close()}><${Icon} name="close" /></button></div>
    ${onSubmit
      ? html`<form class="sheet-form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); onSubmit(); }}>${inside}</form>`
      : inside}
  </dialog>`;
}

/**
 * Asks before something that can't be undone.
 * @param {{ title: string, text: any, yes: string, danger?: boolean }} what @returns {Promise<boolean>}
 */
export async function sure({ title, text, yes, danger = false }) {
  const answer = await show((close) => html`<${Sheet} title=${title} close=${close} width=${420}
    foot=${html`<button class="btn" onClick=${() => close(false)}>Cancel</button>
      <button class="btn primary ${danger ? 'danger' : ''}" data-focus onClick=${() => close(true)}>${yes}</button>`}>
    <div class="muted wrap">${text}</div></${Sheet}>`);
  return answer === true;
}

export function Sheets() {
  return open.value.map((sheet) => html`<${One} key=${sheet.id} draw=${sheet.draw} />`);
}

/** @param {{ draw: (close: any) => any }} props */
const One = ({ draw }) => draw(undefined);
