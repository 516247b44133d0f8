// The turn a session is in: its stages as they are proven, and how it ended.
import { html } from '../../vendor/preact.js';
import { post } from '../api.js';
import { isFinal } from '../store.js';
import { ms, now, lasted, seconds } from '../time.js';
import { Icon } from '../ui/icon.js';
import { tried } from '../ui/toast.js';

/** @typedef {import('../types').Turn} Turn */

const stages = /** @type {const} */ ([['started', 'Typing'], ['submitted', 'Sent'], ['accepted', 'Accepted'], ['firstOutput', 'Answering'], ['ended', 'Done']]);

/** How a turn that is over is spoken of. @type {Record<string, string>} */
const ends = {
  ended: 'Answered', failed: 'The agent failed', refused: 'Not typed', unsubmitted: 'Not accepted, and taken back', timeout: 'Took too long', cancelled: 'Cancelled',
  session_gone: 'The agent ended first', unknown: 'Nobody can say how it ended',
};

/** @param {{ turn: Turn, again?: (draft: 'replace' | 'keep') => void, drop?: () => void }} props */
export function TurnStrip({ turn, again, drop }) {
  const final = isFinal(turn);
  const bad = final && turn.state !== 'ended' && turn.state !== 'cancelled';
  const proof = turn.evidence.map((step) => `${step.step}: ${step.detail} (${step.source})`).join('\n');
  return html`<div class="turn ${bad ? 'bad' : final ? 'over' : 'runs'}" title=${proof}>
    <div class="turn-line">
      <span class="turn-head clip"><span class="caret">❯</span> ${turn.prompt.head}</span>
      ${final ? html`<span class="turn-end">${turn.state === 'ended' && html`<${Icon} name="check" />`}${ends[turn.state] ?? turn.state}${turn.stages.ended ? ` in ${seconds(turn.stages.ended)}` : ''}</span>`
        : html`<span class="turn-end nums">${turn.state === 'queued' ? `In line${turn.place ? `: place ${turn.place}` : ''}` : turn.state === 'blocked' ? 'Waits for you' : lasted(now.value - ms(turn.queuedAt))}</span>`}
      ${!final ? html`<button class="btn quiet" onClick=${() => tried(() => post(`/api/turns/${encodeURIComponent(turn.id)}/cancel`))}>${turn.state === 'queued' ? 'Take back' : 'Cancel'}</button>`
        : drop && html`<button class="btn quiet icon-only" aria-label="Close" onClick=${drop}><${Icon} name="close" /></button>`}
    </div>
    ${!final && html`<ol class="turn-stages" aria-label="Stages">${stages.map(([key, text]) => {
      const at = turn.stages[key];
      return html`<li key=${key} class=${at === undefined ? '' : 'on'}><span>${text}</span>${at !== undefined && html`<span class="nums">${seconds(at)}</span>`}</li>`;
    })}</ol>`}
    ${bad && turn.error && html`<p class="turn-why">${turn.error.message}${!(turn.error.code === 'draft' && again) && turn.error.hint ? html` <span class="muted">${turn.error.hint}</span>` : ''}</p>`}
    ${bad && turn.error?.code === 'draft' && again && html`<div class="row">
      <button class="btn" onClick=${() => again('replace')}>Delete that text and send</button>
      <button class="btn" onClick=${() => again('keep')}>Send, then put it back</button></div>`}
  </div>`;
}
