// One way to ask the daemon. A cookie is the credential; a body is always JSON, which no foreign form can send.
import { ownPath } from './router.js';

/** A refusal, in the daemon's own words. */
export class Refused extends Error {
  /** @param {number} status @param {{ error?: string, code?: string, hint?: string }} body */
  constructor(status, body) {
    super(body.error || `the daemon answered ${status}`);
    this.status = status;
    this.code = body.code ?? '';
    this.hint = body.hint ?? '';
  }
}

/** The daemon can't be reached. */
export class Unreachable extends Refused {
  constructor() {
    super(0, { error: 'The daemon can’t be reached.', code: 'unreachable', hint: 'Is it running, and is this device on its network?' });
  }
}

/** Whether this page is about to end its own sign-in. */
let leaving = false;
/** @param {boolean} is */
export const setLeaving = (is) => { leaving = is; };

export function toLogin() {
  if (leaving || /^\/(login|setup)$/.test(location.pathname)) return;
  location.assign(`/login?returnTo=${encodeURIComponent(ownPath(location.pathname + location.search))}`);
}

/**
 * @template T
 * @param {string} method @param {string} path @param {unknown} [body]
 * @param {{ signal?: AbortSignal, stay?: boolean, head?: (headers: Headers) => void }} [how]
 * @returns {Promise<T>}
 */
export async function call(method, path, body, { signal, stay = false, head } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method, signal, credentials: 'same-origin', cache: 'no-store',
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable();
  }
  const text = await answer.text();
  /** @type {any} */
  let value = {};
  try {
    value = text === '' ? {} : JSON.parse(text);
  } catch {
    value = { error: text.slice(0, 300) };
  }
  if (answer.ok) {
    head?.(answer.headers);
    return value;
  }
  if (answer.status === 401 && !stay) toLogin();
  if (answer.status === 429 && !value.hint) value.hint = `Try again in ${answer.headers.get('retry-after') ?? 'a few'} seconds.`;
  throw new Refused(answer.status, value);
}

/** @template T @param {string} path @param {{ signal?: AbortSignal, stay?: boolean, head?: (headers: Headers) => void }} [how] @returns {Promise<T>} */
export const get = (path, how) => call('GET', path, undefined, how);
/** @template T @param {string} path @param {unknown} [body] @param {{ stay?: boolean }} [how] @returns {Promise<T>} */
export const post = (path, body = {}, how) => call('POST', path, body, how);

/** The API's path of a session. @param {string} name @param {string} [rest] */
export const at = (name, rest = '') => `/api/sessions/${encodeURIComponent(name)}${rest}`;
