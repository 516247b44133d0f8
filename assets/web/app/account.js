// Leaving.
import { call, setLeaving } from './api.js';
import { tried } from './ui/toast.js';

/**
 * Runs what ends this sign-in, then goes to the sign-in page. The daemon also cuts the streams of this page, which are not
 * to ask for a sign-in that leads back here.
 * @param {() => Promise<unknown>} run
 */
export async function leaveBy(run) {
  setLeaving(true);
  const done = await tried(run);
  if (done === undefined) setLeaving(false);
  else location.assign('/login');
  return done !== undefined;
}

export const signOut = () => leaveBy(() => call('POST', '/api/auth/logout', {}));
