// Where the pages begin.
import { effect, html, render } from '../vendor/preact.js';
import { App } from './shell.js';
import { acceptLink } from './pairing.js';
import { startKeys } from './keys.js';
import { startLive } from './live.js';
import { startNotify } from './notify.js';
import { applyTheme } from './prefs.js';
import { place, startRouter } from './router.js';
import { followViewport } from './viewport.js';

effect(applyTheme);

async function begin() {
  startRouter();
  followViewport();
  startKeys();
  await acceptLink();
  if (!/^\/(login|setup)$/.test(place.peek().path)) {
    startLive();
    startNotify();
  }
  const root = /** @type {HTMLElement} */ (document.getElementById('app'));
  root.className = '';
  root.replaceChildren();
  render(html`<${App} />`, root);
  // For notifications and the word that there is no network; it keeps nothing else.
  if (isSecureContext) navigator.serviceWorker?.register('/sw.js').catch(() => {});
}

begin();
