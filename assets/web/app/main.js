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
  const { page } = place.peek();
  const wanted = [loadPage(page)];
  if (!/^\/(login|setup)$/.test(place.peek().path)) {
    const listed = startLive();
    startNotify();
    if (page === 'sessions') wanted.push(listed);
  }
  // What is quickly there is drawn in one frame with the page; the rest is not waited for.
  await Promise.race([Promise.allSettled(wanted), new Promise((resolve) => setTimeout(resolve, 100))]);
  const root = /** @type {HTMLElement} */ (document.getElementById('app'));
  root.className = '';
  root.replaceChildren();
  render(html`<${App} />`, root);
  // For notifications and the word that there is no network; it keeps nothing else.
  if (isSecureContext) navigator.serviceWorker?.register('/sw.js').catch(() => {});
}

begin();
