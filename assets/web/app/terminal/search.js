// Finds text in what the terminal has kept.
import { html, useEffect, useRef, useState } from '../../vendor/preact.js';
import { Icon } from '../ui/icon.js';

const look = { matchBackground: '#4a4526', activeMatchBackground: '#8a6d1d', matchOverviewRuler: '#8a6d1d', activeMatchColorOverviewRuler: '#f2b65c' };

/** @param {{ viewer: import('./viewer.js').Viewer, close: () => void }} props */
export function Search({ viewer, close }) {
  const [text, setText] = useState('');
  const [count, setCount] = useState('');
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const { search } = viewer.screen;
  useEffect(() => {
    field.current?.focus();
    const heard = search.onDidChangeResults(({ resultIndex, resultCount }) => setCount(resultCount === 0 ? 'none' : `${resultIndex + 1} of ${resultCount}`));
    return () => {
      heard.dispose();
      search.clearDecorations();
      viewer.screen.term.clearSelection();
    };
  }, []);
  /** @param {string} words @param {boolean} up @param {boolean} [incremental] */
  const find = (words, up, incremental = false) => {
    if (words === '') {
      search.clearDecorations();
      setCount('');
    } else search[up ? 'findPrevious' : 'findNext'](words, { decorations: look, incremental: incremental && !up });
  };
  return html`<form class="term-search" role="search" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); find(text, true); }}>
    <input ref=${field} type="text" aria-label="Search in the terminal" placeholder="Search" value=${text} autocomplete="off" spellcheck=${false}
      onInput=${(/** @type {any} */ event) => { setText(event.target.value); find(event.target.value, true, true); }}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === 'Escape') close(); else if (event.key === 'Enter' && event.shiftKey) { event.preventDefault(); find(text, false); } }} />
    <span class="small muted nums" role="status">${text && count}</span>
    <button type="button" class="btn quiet icon-only" aria-label="Earlier" onClick=${() => find(text, true)}><${Icon} name="up" /></button>
    <button type="button" class="btn quiet icon-only" aria-label="Later" onClick=${() => find(text, false)}><${Icon} name="down" /></button>
    <button type="button" class="btn quiet icon-only" aria-label="Close the search" onClick=${close}><${Icon} name="close" /></button>
  </form>`;
}
