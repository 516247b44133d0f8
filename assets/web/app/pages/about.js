// What runs here.
import { html, useEffect, useState } from '../../vendor/preact.js';
import { get } from '../api.js';
import { help } from '../keys.js';
import { link } from '../live.js';
import { Bar } from '../shell.js';
import { lasted } from '../time.js';
import { Mark } from '../ui/icon.js';

export default function About() {
  const [version, setVersion] = useState('');
  const [status, setStatus] = useState(/** @type {any} */ (null));
  useEffect(() => {
    get('/api/version').then((found) => setVersion(/** @type {any} */ (found).version), () => {});
    get('/api/daemon').then(setStatus, () => {});
  }, []);
  const facts = [
    ['Version', version], ['Runs since', status && lasted(status.uptimeSecs * 1000)], ['Sessions', status && `${status.running} running of ${status.sessions}`],
    ['tmux', status?.tmux && `${status.tmux.version}${status.tmux.connected ? '' : ', not connected'}${status.tmux.reconnects ? `, ${status.tmux.reconnects} reconnections` : ''}`],
    ['Process', status?.pid], ['State', status?.stateDir], ['This page', location.origin], ['Live updates', link.value === 'live' ? 'connected' : 'not connected'],
  ].filter(([, value]) => value);
  const warnings = [...(status?.warnings ?? []), ...(status?.tmux?.warnings ?? [])];
  return html`<${Bar} title="About" /><main class="page" id="page" tabindex="-1"><div class="measure stack">
    <section class="card about"><div class="brand"><${Mark} />llmux</div><p>AI agents in tmux sessions, each with a name: for pipelines, for programs, for you.</p>
      <dl class="facts">${facts.map(([key, value]) => html`<div key=${key}><dt>${key}</dt><dd class="mono wrap">${value}</dd></div>`)}</dl></section>
    ${warnings.length > 0 && html`<section class="card"><h2>To know</h2><ul class="stack tight">${warnings.map((text) => html`<li class="note warn wrap" key=${text}>${text}</li>`)}</ul></section>`}
    <section class="card"><h2>From a terminal</h2><p class="muted small">The same sessions, the same turns:</p><pre class="block-text">llmux session list
llmux session prompt NAME "..." --wait
tmux attach -t NAME</pre><div class="row"><button class="btn" onClick=${help}>Keys</button><a class="btn" href="/api/openapi.json" target="_blank" rel="noopener">API</a></div></section>
  </div></main>`;
}
