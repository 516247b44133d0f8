// Where the pages begin.
import { effect, html, render } from '../vendor/preact.js';
import { App, loadPage } from './shell.js';
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
    const listed = startLive();
    startNotify();
    // A quick list is drawn with the page, in one frame; a slow one is not waited for.
    if (place.peek().page === 'sessions') await Promise.race([listed, new Promise((resolve) => setTimeout(resolve, 100))]);
  }
  await loadPage(place.peek().page).catch(() => {});
  const root = /** @type {HTMLElement} */ (document.getElementById('app'));
  root.className = '';
  root.replaceChildren();
  render(html`<${App} />`, root);
  // For notifications and the word that there is no network; it keeps nothing else.
  if (isSecureContext) navigator.serviceWorker?.register('/sw.js').catch(() => {});
}

begin();
