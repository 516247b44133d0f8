// Which agents are here, and how to get the others.
import { html, useEffect, useState } from '../../vendor/preact.js';
import { get, Refused } from '../api.js';
import { Bar } from '../shell.js';
import { create } from '../session/actions.js';
import { list } from '../store.js';
import { Icon } from '../ui/icon.js';
import { Copyable, Waiting, Wrong } from '../ui/parts.js';

/** @typedef {import('../types').Agent} Agent */

export default function Agents() {
  const [all, setAll] = useState(/** @type {Agent[] | null} */ (null));
  const [error, setError] = useState(/** @type {Refused | null} */ (null));
  const load = () => get('/api/agents/all').then((value) => { setAll(/** @type {any} */ (value)); setError(null); }, setError);
  useEffect(() => { load(); }, []);
  const here = (all ?? []).filter((agent) => agent.installed);
  const missing = (all ?? []).filter((agent) => !agent.installed);
  return html`<${Bar} title="Agents">${all && html`<span class="muted small nums">${here.length} of ${all.length} installed</span>`}<button class="btn" onClick=${load}><${Icon} name="restart" />Look again</button></${Bar}>
    <main class="page" id="page" tabindex="-1"><div class="measure-wide stack">
      ${error ? html`<${Wrong} error=${error} again=${load} />` : !all ? html`<${Waiting} />` : html`
        <section><h2 class="block-title">Installed</h2><ul class="cards">${here.map((agent) => html`<${Card} key=${agent.key} agent=${agent} />`)}</ul></section>
        ${missing.length > 0 && html`<section><h2 class="block-title">Not installed here</h2><ul class="cards">${missing.map((agent) => html`<${Card} key=${agent.key} agent=${agent} />`)}</ul></section>`}`}
    </div></main>`;
}

/** @param {string} url */
const web = (url) => (/^https?:\/\//.test(url) ? url : undefined);

/** @param {{ agent: Agent }} props */
function Card({ agent }) {
  const running = list.value.filter((box) => box.value.agent === agent.key && box.value.state === 'running').length;
  return html`<li class="card agent-card">
    <div class="row"><h3 class="grow">${agent.displayName}</h3>${running > 0 && html`<span class="pill ready">${running} running</span>`}</div>
    <p class="mono small muted clip" title=${`${agent.cmd} ${agent.flags}`}>${agent.cmd} ${agent.flags}</p>
    ${agent.installed ? html`<div class="row"><button class="btn" onClick=${() => create({ agent: agent.key })}><${Icon} name="plus" />Start</button>${web(agent.docsUrl) && html`<a class="btn quiet" href=${web(agent.docsUrl)} target="_blank" rel="noopener noreferrer">Manual</a>`}</div>`
      : html`${agent.installHint && html`<${Copyable} text=${agent.installHint} label="Copy the command" />`}
        <div class="row">${web(agent.docsUrl) && html`<a class="btn quiet" href=${web(agent.docsUrl)} target="_blank" rel="noopener noreferrer"><${Icon} name="link" />Manual</a>`}</div>`}</li>`;
}
