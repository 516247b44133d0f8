// Real URLs, one page each. Links of this page are followed without loading anew.
import { signal } from '../vendor/preact.js';

/** @typedef {{ path: string, query: URLSearchParams, page: string, name: string }} Place */

/** @type {[RegExp, string][]} */
const routes = [
  [/^\/$/, 'sessions'],
  [/^\/session\/([^/]+)$/, 'session'],
  [/^\/chat\/([^/]+)$/, 'chat'],
  [/^\/(login|setup|account|tokens|agents|logs|settings|about)$/, ''],
  [/^\/admin\/users$/, 'users'],
];

/** @returns {Place} */
function here() {
  const { pathname: path, search } = location;
  const query = new URLSearchParams(search);
  for (const [shape, page] of routes) {
    const found = shape.exec(path);
    if (!found) continue;
    return { path, query, page: page || found[1], name: page ? decoded(found[1] ?? '') : '' };
  }
  return { path, query, page: 'missing', name: '' };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const place = signal(here());

/** @param {string} path @param {{ replace?: boolean }} [how] */
export function go(path, { replace = false } = {}) {
  if (path === location.pathname + location.search) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', path);
  place.value = here();
}

/** @param {string} name */
export const terminalOf = (name) => `/session/${encodeURIComponent(name)}`;
/** @param {string} name */
export const chatOf = (name) => `/chat/${encodeURIComponent(name)}`;

/** A path of this site, or the picker: what came with a link is never a way out of it. @param {string | null} path */
export function ownPath(path) {
  if (!path || !/^\/(?![/\\])/.test(path)) return '/';
  try {
    const url = new URL(path, location.origin);
    return url.origin === location.origin ? url.pathname + url.search : '/';
  } catch {
    return '/';
  }
}

export function startRouter() {
  addEventListener('popstate', () => { place.value = here(); });
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (!routes.some(([shape]) => shape.test(link.pathname))) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
