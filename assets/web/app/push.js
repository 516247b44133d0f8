// Web Push: the browser's own subscription, and the daemon that is told of it.
import { call, get } from './api.js';
import { pushOn } from './prefs.js';

export const canPush = () => isSecureContext && 'PushManager' in window && 'serviceWorker' in navigator;

/** @returns {Promise<import('./types').Push>} */
export async function load() {
  const now = /** @type {import('./types').Push} */ (await get('/api/push'));
  const mine = canPush() ? await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription() : null;
  // The browser may have ended it by itself.
  if (!mine && now.subscribed) await call('DELETE', '/api/push/subscription').catch(() => {});
  const subscribed = mine ? now.subscribed : null;
  pushOn.value = Boolean(subscribed);
  return { ...now, subscribed };
}

/** Asks the browser, at a person's own tap, then the daemon. @param {import('./types').PushWish} wish */
export async function subscribe(wish) {
  if (await Notification.requestPermission() !== 'granted') throw new Error('The browser does not allow notifications. Allow them for this site in its settings.');
  const { publicKey } = /** @type {import('./types').Push} */ (await get('/api/push'));
  const { pushManager } = await navigator.serviceWorker.ready;
  const key = Uint8Array.from(atob(publicKey.replaceAll('-', '+').replaceAll('_', '/')), (sign) => sign.charCodeAt(0));
  let mine = await pushManager.getSubscription();
  // One for another daemon's key is of no use.
  if (mine && !same(mine.options.applicationServerKey, key)) {
    await mine.unsubscribe();
    mine = null;
  }
  mine ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const { endpoint, keys } = mine.toJSON();
  const done = await call('PUT', '/api/push/subscription', { endpoint, keys, ...wish });
  pushOn.value = true;
  return done;
}

export async function unsubscribe() {
  await call('DELETE', '/api/push/subscription');
  pushOn.value = false;
  const there = await navigator.serviceWorker?.getRegistration();
  await (await there?.pushManager.getSubscription())?.unsubscribe();
}

/** @param {ArrayBuffer | null} one @param {Uint8Array} other */
function same(one, other) {
  const bytes = new Uint8Array(one ?? new ArrayBuffer(0));
  return bytes.length === other.length && bytes.every((byte, i) => byte === other[i]);
}
