// Where the pages begin.
import { effect, html, render } from '../vendor/preact.js';
import { App } from './shell.js';
import { acceptLink } from './pairing.js';
import { startKeys } from './keys.js';
import { startLive } from './live.js';
import { startNotify } from './notify.js';
import { applyTheme } from './prefs.js';
import { place, startRouter } from './router.js';

effect(applyTheme);

/** What the keyboard of a phone leaves free. `100dvh` alone does not know of it. */
function followViewport() {
  const view = window.visualViewport;
  if (!view) return;
  const apply = () => {
    // A pinched page is smaller for another reason.
    if (view.scale > 1.01) return;
    document.documentElement.style.setProperty('--view-h', `${Math.round(view.height)}px`);
    document.documentElement.classList.toggle('keyboard', innerHeight - view.height > 120);
    if (view.offsetTop > 0) scrollTo(0, 0);
  };
  view.addEventListener('resize', apply);
  view.addEventListener('scroll', apply);
  apply();
}

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
