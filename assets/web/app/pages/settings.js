// This browser's own settings, and what the daemon runs with.
import { html, useEffect, useState } from '../../vendor/preact.js';
import { get, Refused } from '../api.js';
import { help } from '../keys.js';
import { allow, canNotify } from '../notify.js';
import { fontSize, notifyOn, showKeys, theme } from '../prefs.js';
import { Bar } from '../shell.js';
import { Daemon } from '../settings/daemon.js';
import { PushSetting } from '../settings/push.js';
import { Wrong } from '../ui/parts.js';
import { say } from '../ui/toast.js';

export default function Settings() {
  const [found, setFound] = useState(/** @type {import('../types').Settings | null} */ (null));
  const [error, setError] = useState(/** @type {Refused | null} */ (null));
  const load = () => get('/api/settings').then((now) => setFound(/** @type {any} */ (now)), setError);
  useEffect(() => { load(); }, []);
  return html`<${Bar} title="Settings">${found?.overlayActive && html`<span class="pill blocked" title=${`What was changed here is in ${found.overlayPath}`}>overlay active</span>`}</${Bar}>
    <main class="page" id="page" tabindex="-1"><div class="measure stack">
    <${Here} />
    ${error ? (error.status === 403 ? html`<div class="note">What the daemon runs with is shown to admins.</div>` : html`<${Wrong} error=${error} />`) : found && html`<${Daemon} found=${found} again=${load} />`}
  </div></main>`;
}

function Here() {
  const turnOn = async () => {
    if (notifyOn.value) { notifyOn.value = false; return; }
    if (!(await allow())) say('The browser does not allow notifications.', { hint: canNotify() ? 'Allow them for this site in the browser’s settings.' : 'They need HTTPS, or localhost.', wrong: true });
  };
  return html`<section class="card"><h2>This browser</h2><div class="stack">
    <div class="set"><div class="grow"><div>Colours</div><div class="muted small">The terminal is dark on both: agents paint for that.</div></div>
      <div class="segments" role="group" aria-label="Colours">${[['system', 'System'], ['light', 'Light'], ['dark', 'Dark']].map(([key, text]) => html`<button key=${key} aria-pressed=${theme.value === key} onClick=${() => { theme.value = key; }}>${text}</button>`)}</div></div>
    <div class="set"><div class="grow"><label for="font">Letters in the terminal</label></div><div class="row"><input id="font" type="range" min="8" max="32" value=${fontSize.value} onInput=${(/** @type {any} */ event) => { fontSize.value = Number(event.target.value); }} /><span class="nums small">${fontSize.value} px</span></div></div>
    <label class="set"><div class="grow"><div>Terminal keys on screen</div><div class="muted small">Esc, Ctrl, arrows and the like, below the terminal.</div></div><input type="checkbox" checked=${showKeys.value} onChange=${() => { showKeys.value = !showKeys.value; }} /></label>
    <label class="set"><div class="grow"><div>Notifications</div><div class="muted small">When a session needs you, or a turn ends, and you look elsewhere. While a page of llmux is open.</div></div><input type="checkbox" checked=${notifyOn.value} onChange=${turnOn} /></label>
    <${PushSetting} />
    <div class="set"><div class="grow">Keys</div><button class="btn" onClick=${help}>Show them</button></div>
  </div></section>`;
}
