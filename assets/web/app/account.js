// Leaving.
import { call } from './api.js';
import { tried } from './ui/toast.js';

export async function signOut() {
  const done = await tried(() => call('POST', '/api/auth/logout', {}));
  if (done !== undefined) location.assign('/login');
}
