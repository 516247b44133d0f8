// Ages and times. One clock ticks for all of them, once a second, and not while the page is hidden.
import { signal } from '../vendor/preact.js';

export const now = signal(Date.now());
setInterval(() => { if (!document.hidden) now.value = Date.now(); }, 1000);
document.addEventListener('visibilitychange', () => { now.value = Date.now(); });

/** @param {string | undefined} at RFC 3339 */
export function ms(at) {
  const value = at ? Date.parse(at) : NaN;
  return Number.isNaN(value) ? 0 : value;
}

/** A duration in a word. @param {number} millis */
export function lasted(millis) {
  const seconds = Math.max(0, Math.floor(millis / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
  return `${Math.floor(seconds / 86400)}d`;
}

/** How long ago. @param {string | undefined} at @param {number} [present] */
export function age(at, present = now.value) {
  return ms(at) === 0 ? '' : lasted(present - ms(at));
}

/** @param {string | undefined} at */
export function ago(at) {
  const past = age(at);
  return past === '' ? '' : past === '0s' ? 'just now' : `${past} ago`;
}

// Made when first wanted: each takes a browser 10 ms.
/** @type {Intl.DateTimeFormat | undefined} */ let full;
/** @type {Intl.DateTimeFormat | undefined} */ let clock;
/** @param {string | undefined} at */
export function date(at) {
  full ??= new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  return ms(at) === 0 ? '' : full.format(ms(at));
}
/** @param {string | undefined} at */
export function hms(at) {
  clock ??= new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
  return ms(at) === 0 ? '' : clock.format(ms(at));
}
/** Nanoseconds as seconds. @param {number} nanos */
export const seconds = (nanos) => `${(nanos / 1e9).toFixed(nanos < 1e10 ? 1 : 0)}s`;
