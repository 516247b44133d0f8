// What the daemon runs with, and the two settings of it that can be changed here.
import { html, useState } from '../../vendor/preact.js';
import { call } from '../api.js';
import { Blocks } from '../ui/blocks.js';
import { Icon } from '../ui/icon.js';
import { Field } from '../ui/parts.js';
import { sure } from '../ui/sheet.js';
import { say, tried } from '../ui/toast.js';

/** @typedef {import('../types').Settings} Found */

/** @param {{ found: Found, again: () => void }} props */
export function Daemon({ found, again }) {
  const facts = [
    ['Configuration', found.configSource ?? 'none: all is as it comes'], ['State', found.stateDir],
    ['Listens on', found.listenHost ? `${found.listenHost}:${found.port}` : 'its socket only'], ['tmux', found.tmuxAvailable ? 'found' : 'not found'],
    ...Object.entries(found.env).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  ];
  return html`${found.warnings.map((warning) => html`<div class="note warn wrap" key=${warning}>${warning}</div>`)}
    <section class="card"><h2>The daemon</h2><dl class="facts">${facts.map(([key, value]) => html`<div key=${key}><dt>${key}</dt><dd class="mono wrap">${value}</dd></div>`)}</dl></section>
    <${Init} key=${JSON.stringify(found.daemonInitPrompts)} prompts=${found.daemonInitPrompts} again=${again} />
    <${Turnq} key=${JSON.stringify(found.turnq)} turnq=${found.turnq} again=${again} />
    ${found.overlayActive && html`<${Overlay} found=${found} again=${again} />`}
    ${found.yamlText && html`<section class="card"><h2>Configuration file</h2><p class="muted small">It is read again when it changes. Nothing here writes to it.</p><pre class="block-text" tabindex="0">${found.yamlText}</pre></section>`}`;
}

/** @param {string} path @param {unknown} body @param {() => void} again */
async function save(path, body, again) {
  const done = await tried(() => call('PUT', path, body));
  if (!done) return;
  say('Saved, and in effect.');
  again();
}

/** @param {{ prompts: string[], again: () => void }} props */
function Init({ prompts, again }) {
  const [now, setNow] = useState(prompts);
  const isSame = JSON.stringify(now) === JSON.stringify(prompts);
  return html`<section class="card"><h2>Init prompts</h2><p class="muted small">Typed into each session that starts from now on, before its own. A prompt may have as many lines as it likes.</p>
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); save('/api/settings/init-prompts', { initPrompts: now }, again); }}>
    <${Blocks} label="Init prompt" texts=${now} set=${setNow} />
    <div class="row end"><button class="btn primary" disabled=${isSame}>Save</button></div></form></section>`;
}

/** @param {{ turnq: Found['turnq'], again: () => void }} props */
function Turnq({ turnq, again }) {
  const start = { enabled: turnq.enabled, url: turnq.url ?? '', seconds: turnq.maxHoldMs === null ? '' : String(turnq.maxHoldMs / 1000) };
  const [now, setNow] = useState(start);
  const isSame = JSON.stringify(now) === JSON.stringify(start);
  const body = { enabled: now.enabled, url: now.url.trim() || undefined, maxHoldMs: Number(now.seconds) * 1000 || undefined };
  return html`<section class="card"><h2>Turn order (turnq)</h2><p class="muted small">Each turn waits until no other program holds its session’s channel. Agents that start from now on are asked to mark the end of each reply.</p>
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); save('/api/settings/turnq', body, again); }}>
    <label class="set"><div class="grow">Keep turn order</div><input type="checkbox" checked=${now.enabled} onChange=${(/** @type {any} */ event) => setNow({ ...now, enabled: event.target.checked })} /></label>
    <div class="two">
      <${Field} label="A turn may hold the others for" help="Seconds; 300 if nothing is said">${(/** @type {string} */ id) => html`<input id=${id} type="number" min="1" step="any" inputmode="numeric" value=${now.seconds} placeholder="300" onInput=${(/** @type {any} */ event) => setNow({ ...now, seconds: event.target.value })} />`}</${Field}>
      <${Field} label="Server" help="Empty: among programs of this host only">${(/** @type {string} */ id) => html`<input id=${id} type="url" class="mono" value=${now.url} placeholder="https://" onInput=${(/** @type {any} */ event) => setNow({ ...now, url: event.target.value })} autocomplete="off" autocapitalize="off" spellcheck=${false} />`}</${Field}>
    </div>
    <div class="row end"><button class="btn primary" disabled=${isSame}>Save</button></div></form></section>`;
}

/** @param {{ found: Found, again: () => void }} props */
function Overlay({ found, again }) {
  const revert = async () => {
    if (!(await sure({ title: 'Take it all back?', yes: 'Take it back', danger: true, text: 'What was changed here is deleted; the configuration file counts again.' }))) return;
    if (await tried(() => call('DELETE', '/api/settings/overlay'))) {
      say('Taken back.');
      again();
    }
  };
  return html`<section class="card"><h2>Active overrides</h2><p class="muted small wrap">What was changed here, as it stands in <code>${found.overlayPath}</code>. Each key replaces that of the configuration file.</p>
    <pre class="block-text" tabindex="0">${found.overlayText}</pre>
    <div class="row end"><button class="btn" onClick=${revert}><${Icon} name="trash" />Take it back</button></div></section>`;
}
