// Drawn on a grid of 20, by hand for this program.
import { html } from '../../vendor/preact.js';

/** @type {Record<string, string>} */
const paths = {
  menu: 'M3 5.5h14M3 10h14M3 14.5h14',
  plus: 'M10 4v12M4 10h12',
  minus: 'M4 10h12',
  close: 'M5 5l10 10M15 5L5 15',
  back: 'M12 4.5L6.5 10l5.5 5.5',
  down: 'M5 8l5 5 5-5',
  up: 'M5 12l5-5 5 5',
  left: 'M12 5l-5 5 5 5',
  right: 'M8 5l5 5-5 5',
  search: 'M8.8 14.1a5.3 5.3 0 100-10.6 5.3 5.3 0 000 10.6zM12.7 12.7L17 17',
  more: 'M4 10a.6.6 0 101.2 0 .6.6 0 10-1.2 0M9.4 10a.6.6 0 101.2 0 .6.6 0 10-1.2 0M14.8 10a.6.6 0 101.2 0 .6.6 0 10-1.2 0',
  sessions: 'M3.5 4h13v12h-13zM3.5 8h13M8.5 8v8',
  agents: 'M5 7.5h10v8H5zM10 7.5V4M8 11.3v.4M12 11.3v.4M3 10.5v2M17 10.5v2',
  key: 'M7 13.5a3.5 3.5 0 100-7 3.5 3.5 0 000 7zM10.5 10H17v3M14 10v2',
  logs: 'M4 5h12M4 8.3h8M4 11.7h12M4 15h6',
  settings: 'M3 6h8M15 6h2M3 14h2M9 14h8M13 8a2 2 0 100-4 2 2 0 000 4zM7 16a2 2 0 100-4 2 2 0 000 4z',
  about: 'M10 17a7 7 0 100-14 7 7 0 000 14zM10 9.2V14M10 6.4v.2',
  user: 'M10 9.5a3 3 0 100-6 3 3 0 000 6zM4 16.5c.6-3 3-4.3 6-4.3s5.4 1.3 6 4.3',
  users: 'M7.5 9.500a2.7 2.7 0 100-5.4 2.7 2.7 0 000 5.400zM2.5 16c.4-2.7 2.4-3.8 5-3.800s4.6 1.1 5 3.800M13 4.300a2.7 2.7 0 010 5M14.5 12.500c1.7.5 2.7 1.7 3 3.5',
  out: 'M8 4H4v12h4M12 6.500L15.5 10 12 13.500M15 10H8',
  terminal: 'M3 4.500h14v11H3zM6 8l2.3 2L6 12M10.5 12.500H14',
  chat: 'M3.5 4.500h13v9H9l-3.5 3v-3h-2z',
  edit: 'M4 16l.7-3.300L13 4.400l2.6 2.6-8.3 8.300z',
  restart: 'M15.8 8.200A6.2 6.2 0 104.3 12.500M16.2 4v4.300h-4.3',
  stop: 'M5.5 5.500h9v9h-9z',
  play: 'M6.5 4.500v11l9-5.500z',
  trash: 'M4 5.500h12M8 5.500v-2h4v2M5.5 5.500l.8 11h7.400l.8-11M8.5 8.500v5M11.5 8.500v5',
  clock: 'M10 17a7 7 0 100-14 7 7 0 000 14zM10 6v4.200l2.7 1.6',
  folder: 'M3 5h5l1.5 2H17v8.500H3z',
  eye: 'M2.5 10s2.7-5 7.5-5 7.5 5 7.5 5-2.7 5-7.5 5-7.5-5-7.5-5zM10 12.200a2.2 2.2 0 100-4.4 2.2 2.2 0 000 4.400z',
  lock: 'M5 9h10v7.500H5zM7 9V6.500a3 3 0 016 0V9',
  fit: 'M7.5 3.500h-4v4M12.5 3.500h4v4M7.5 16.500h-4v-4M12.5 16.500h4v-4',
  send: 'M10 16V4.500M5 9.300l5-5 5 5',
  clip: 'M13.8 8l-4.9 4.900a1.9 1.9 0 01-2.7-2.700l5.6-5.600a3.2 3.2 0 014.6 4.600l-5.8 5.800a4.6 4.6 0 01-6.5-6.500L9 3.6',
  keyboard: 'M2.5 5.500h15v9h-15zM5.5 8.300h.01M8.5 8.300h.01M11.5 8.300h.01M14.5 8.300h.01M7 11.700h6',
  copy: 'M7 7h9.500v9.500H7zM13 7V3.500H3.500V13H7',
  check: 'M4.5 10.500l3.7 3.7 7.3-8',
  warn: 'M10 3.500l7.2 12.800H2.800zM10 8.200v3.600M10 14v.1',
  broadcast: 'M10 11.300a1.3 1.3 0 100-2.6 1.3 1.3 0 000 2.600zM6.5 13.500a5 5 0 010-7M13.5 6.500a5 5 0 010 7M4 16a8.5 8.5 0 010-12M16 4a8.5 8.5 0 010 12',
  bell: 'M5.5 13.500V9a4.5 4.5 0 019 0v4.500l1.5 1.500H4zM8.5 17h3',
  offline: 'M3 3l14 14M5 9.500a8 8 0 013-1.700M2.5 7a11 11 0 013.7-2.400M9 4a11 11 0 018.5 3M12.5 8.300A8 8 0 0115 9.500M8 12.500a3.5 3.5 0 014 0M10 15.500v.1',
  phone: 'M6 2.500h8v15H6zM9 15h2',
  pause: 'M7 5v10M13 5v10',
  link: 'M8.5 11.500l3-3M9 6.500l2-2a3.2 3.2 0 014.5 4.500l-2 2M11 13.500l-2 2A3.2 3.2 0 014.5 11l2-2',
  blank: 'M0 0',
  help: 'M10 17a7 7 0 100-14 7 7 0 000 14zM8 8.200a2 2 0 113 1.800c-.7.4-1 .8-1 1.500M10 13.900v.1',
};

/** @param {{ name: string, label?: string }} props */
export function Icon({ name, label }) {
  return html`<svg class="icon" viewBox="0 0 20 20" aria-hidden=${label ? undefined : 'true'} role=${label ? 'img' : undefined} aria-label=${label}><path d=${paths[name]} /></svg>`;
}

export function Mark() {
  return html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <rect x="1" y="1" width="22" height="22" rx="5.5" fill="currentColor" />
    <path d="M6 8l3.5 4L6 16" fill="none" stroke="var(--paper)" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round" />
    <rect x="12.5" y="6.5" width="6" height="4.5" rx="1.3" fill="var(--paper)" />
    <rect x="12.5" y="13" width="6" height="4.5" rx="1.3" fill="var(--paper)" opacity="0.55" />
  </svg>`;
}
