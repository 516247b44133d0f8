// A button with a list of actions. A popover: it closes at a click elsewhere and at Escape, and no page clips it.
import { html, useRef, useState } from '../../vendor/preact.js';
import { Icon } from './icon.js';

/** @typedef {{ icon?: string, text: string, run?: () => void, href?: string, danger?: boolean, off?: boolean } | null} Item */

/** @param {{ label: string, items: (Item | false)[], icon?: string, class?: string, children?: any }} props */
export function Menu({ label, items, icon = 'more', class: look = 'btn quiet icon-only', children }) {
  const [open, setOpen] = useState(false);
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));

  /** @param {HTMLElement | null} list */
  const put = (list) => {
    if (!list || !button.current || list.matches(':popover-open')) return;
    list.showPopover();
    const from = button.current.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = list;
    const below = from.bottom + 4 + height < innerHeight - 8;
    list.style.left = `${Math.max(8, Math.min(from.right - width, innerWidth - width - 8))}px`;
    list.style.top = `${below ? from.bottom + 4 : Math.max(8, from.top - height - 4)}px`;
    /** @type {HTMLElement | null} */ (list.querySelector('button, a'))?.focus();
  };

  const close = () => { setOpen(false); button.current?.focus(); };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const list = /** @type {HTMLElement} */ (event.currentTarget);
    const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('button:not(:disabled), a')]);
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) all[(at + step + all.length) % all.length]?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return html`<button ref=${button} type="button" class=${look} aria-label=${children ? undefined : label} title=${label} aria-haspopup="menu"
      aria-expanded=${open} onClick=${(/** @type {Event} */ event) => { event.preventDefault(); event.stopPropagation(); setOpen(!open); }}>
      ${children ?? html`<${Icon} name=${icon} />`}</button>
    ${open && html`<div ref=${put} class="menu" role="menu" aria-label=${label} popover="auto" onKeyDown=${onKey}
      onToggle=${(/** @type {ToggleEvent} */ event) => { if (event.newState === 'closed') setOpen(false); }}
      onClick=${(/** @type {Event} */ event) => event.stopPropagation()}>
      ${items.map((item) => item === false ? null : item === null ? html`<hr />` : item.href
        ? html`<a role="menuitem" href=${item.href} onClick=${close}><${Icon} name=${item.icon ?? 'right'} />${item.text}</a>`
        : html`<button role="menuitem" type="button" class=${item.danger ? 'danger' : ''} disabled=${item.off}
            onClick=${() => { close(); item.run?.(); }}><${Icon} name=${item.icon ?? 'right'} />${item.text}</button>`)}
    </div>`}`;
}
