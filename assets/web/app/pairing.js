// A link with a secret behind `#`: it never reaches a server's log. It is exchanged for a cookie and removed at once.
import { post } from './api.js';
import { go, place } from './router.js';
import { sayError } from './ui/toast.js';

/** What this device is called in the list of tokens. */
export function deviceName() {
  const agent = navigator.userAgent;
  const system = /iPhone|iPad|Android|Windows|Mac OS X|CrOS|Linux/.exec(agent)?.[0].replace(' OS X', '') ?? 'Device';
  const browser = /Edg|Firefox|CriOS|Chrome|Safari/.exec(agent)?.[0].replace('CriOS', 'Chrome').replace('Edg', 'Edge') ?? 'browser';
  return `${browser} on ${system}`;
}

export async function acceptLink() {
  const found = /^#(token|pair|code)=(.+)$/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, '', location.pathname + location.search);
  try {
    const secret = decodeURIComponent(found[2]);
    if (found[1] === 'token') await post('/api/auth', { token: secret }, { stay: true });
    else await post('/api/auth/pair', { code: secret, deviceName: deviceName() }, { stay: true });
    if (place.peek().page === 'login') go('/', { replace: true });
  } catch (error) {
    sayError(error);
    go('/login?link=bad', { replace: true });
  }
}
