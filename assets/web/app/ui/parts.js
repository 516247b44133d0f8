// Small parts that pages share.
import { computed, html, useMemo, useState } from '../../vendor/preact.js';
import { Icon } from './icon.js';
import { say } from './toast.js';
import { stateOf, words } from '../store.js';
import { age } from '../time.js';

/** @param {{ state: string, title?: string }} props */
export const Dot = ({ state, title }) => html`<span class="state ${state}" title=${title} aria-hidden="true"></span>`;

/** How long ago. The clock changes these letters and draws nothing else. @param {{ at: string | undefined }} props */
export function Age({ at }) {
  const text = useMemo(() => computed(() => age(at)), [at]);
  return html`<span class="nums">${text}</span>`;
}

/** How it is known, for a person who asks. @param {import('../types').Session} view */
export function evidence(view) {
  if (view.state === 'exited') {
    return view.exit?.code === undefined ? 'Its program has ended.' : `Its program ended with status ${view.exit.code}.`;
  }
  const seen = view.activity;
  return seen ? `${words[seen.state]}: ${seen.detail || 'no detail'} (known by ${seen.source})` : 'Nothing is known of it yet.';
}

/** @param {{ view: import('../types').Session }} props */
export function StatePill({ view }) {
  const state = stateOf(view);
  const look = state === 'starting' ? 'busy' : state;
  return html`<span class="pill ${look}" title=${evidence(view)}><${Dot} state=${state} />${words[state]}</span>`;
}

/** @param {{ icon: string, title: string, children?: any, action?: any }} props */
export const Empty = ({ icon, title, children, action }) => html`<div class="empty"><${Icon} name=${icon} /><h2>${title}</h2>
  ${children && html`<p>${children}</p>`}${action && html`<div class="row">${action}</div>`}</div>`;

export const Waiting = () => html`<div class="wait" role="status" aria-label="Loading"><i></i><i></i><i></i></div>`;

/** @param {{ error: { message: string, hint?: string }, again?: () => void }} props */
export const Wrong = ({ error, again }) => html`<${Empty} icon="warn" title="That did not work"
  action=${again && html`<button class="btn" onClick=${again}>Try again</button>`}>
  <span class="wrap">${error.message} ${error.hint}</span></${Empty}>`;

/** @param {string} text @param {string} [what] */
export async function copy(text, what = 'Copied') {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS there is no clipboard; a selection can still be copied.
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'unseen';
    const parent = document.querySelector('dialog[open]') ?? document.body;
    parent.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    if (!done) {
      say('The browser did not let it be copied.', { hint: 'Select the text and copy it by hand.', wrong: true });
      return;
    }
  }
  say(what);
}

/** Text to be copied whole. @param {{ text: string, label: string }} props */
export const Copyable = ({ text, label }) => html`<button type="button" class="copyable" onClick=${() => copy(text)} title="Copy">
  <code class="wrap">${text}</code><${Icon} name="copy" label=${label} /></button>`;

let fields = 0;
/** A labelled field. @param {{ label: string, help?: any, wrong?: string, children: (id: string) => any }} props */
export function Field({ label, help, wrong, children }) {
  const [id] = useState(() => `f${++fields}`);
  return html`<div class="field"><label for=${id}>${label}</label>${children(id)}
    ${wrong ? html`<div class="wrong" role="alert">${wrong}</div>` : help && html`<div class="help">${help}</div>`}</div>`;
}
