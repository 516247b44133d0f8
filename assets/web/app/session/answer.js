// What an agent asks, with its answers as buttons.
import { html, useState } from '../../vendor/preact.js';
import { at, post, Refused } from '../api.js';
import { Icon } from '../ui/icon.js';
import { say, sayError } from '../ui/toast.js';

const kinds = { approval: 'Asks for permission', trust: 'Asks whether to trust the folder', login: 'Asks you to sign in', question: 'Asks a question' };

/** @param {{ name: string, dialog: import('../types').Dialog, may?: boolean }} props */
export function Answer({ name, dialog, may = true }) {
  // The id covers all that is asked: a dialog that opens meanwhile can't get this one's answer.
  const [sent, setSent] = useState('');
  const busy = sent === dialog.id;
  /** @param {string} choice @param {string} label */
  const answer = async (choice, label) => {
    setSent(dialog.id);
    try {
      await post(at(name, '/answer'), { choice, dialog: dialog.id });
      say(`${name}: ${label}`);
    } catch (error) {
      setSent('');
      if (error instanceof Refused && error.code === 'dialog_changed') say('The question has changed meanwhile. Nothing was typed.', { wrong: true });
      else sayError(error);
    }
  };
  return html`<div class="answer" role="group" aria-label=${`${name}: ${kinds[dialog.kind] ?? 'Asks something'}`}>
    <div class="answer-ask">
      <div class="answer-kind">${kinds[dialog.kind] ?? 'Asks something'}</div>
      ${dialog.header && html`<code class="answer-head wrap">${dialog.header}</code>`}
      ${dialog.question && html`<div class="wrap">${dialog.question}</div>`}
      ${dialog.options.length === 0 && html`<div class="muted small">Its answers could not be read: answer in the terminal.</div>`}
    </div>
    ${may && html`<div class="answer-options">
      ${dialog.options.map((option, i) => html`<button key=${i} class="btn ${i === 0 ? 'primary' : ''}" disabled=${busy} title=${option.description}
        onClick=${() => answer(String(i + 1), option.label)}><span class="answer-label">${option.label}</span></button>`)}
      <button class="btn quiet" disabled=${busy} onClick=${() => answer('cancel', 'cancelled')}>Cancel</button>
    </div>`}
  </div>`;
}

/** A line in its place when the agent waits and nobody could read for what. @param {{ detail: string }} props */
export const Unread = ({ detail }) => html`<div class="answer"><div class="answer-ask"><div class="answer-kind"><${Icon} name="warn" /> Waits for a person</div><div>${detail}</div></div></div>`;
