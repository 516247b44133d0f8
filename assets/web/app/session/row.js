// One session in the picker.
import { html } from '../../vendor/preact.js';
import { chatOf, terminalOf } from '../router.js';
import { agentName, isFinal, isUnread, since, stateOf, turns, words } from '../store.js';
import { Icon } from '../ui/icon.js';
import { Menu } from '../ui/menu.js';
import { useNear } from '../ui/near.js';
import { Age, Dot, evidence } from '../ui/parts.js';
import { Answer } from './answer.js';
import { conversations, items } from './actions.js';

/** What it does right now, in a line. @param {{ view: import('../types').Session }} props */
function Doing({ view }) {
  const state = stateOf(view);
  const turn = turns.value.get(view.name)?.value;
  if (view.state === 'exited') {
    return html`<span>${view.exit?.code ? `Its program ended with status ${view.exit.code}` : 'Stopped'}</span>${view.exit && html`<${Age} at=${view.exit.at} />`}`;
  }
  if (turn && !isFinal(turn)) {
    const stage = turn.state === 'queued' ? `waits in line${turn.place ? `, place ${turn.place}` : ''}` : '';
    return html`<span class="clip"><span class="caret">❯</span> ${turn.prompt.head || 'a prompt'}</span>${stage ? html`<span class="nums">${stage}</span>` : html`<${Age} at=${turn.queuedAt} />`}`;
  }
  if (state === 'blocked') return html`<span class="clip">${view.activity?.dialog?.question || view.activity?.detail}</span><${Age} at=${since(view)} />`;
  return html`<span class="clip">${words[state]}</span><${Age} at=${since(view)} />`;
}

/** Its own part of a row: names come later than rows. @param {{ agent: string }} props */
const AgentName = ({ agent }) => html`<span class="agent">${agentName(agent)}</span>`;

/** What stands in it, far right: what it warns of, who watches, what can be done. @param {{ view: import('../types').Session, picked: boolean, onPick: (name: string) => void }} props */
function Side({ view, picked, onPick }) {
  const watching = (view.viewers ?? 0) + view.attached;
  return html`<div class="session-side">
    ${(view.warnings?.length ?? 0) > 0 && html`<span class="warned" title=${view.warnings?.join('\n')}><${Icon} name="warn" label=${view.warnings?.join('; ')} /></span>`}
    ${watching > 0 && html`<span class="watched nums" title=${`${view.viewers ?? 0} in browsers, ${view.attached} in tmux`}><${Icon} name="eye" label="Viewers" />${watching}</span>`}
    ${(view.conversationCount ?? 0) > 0 && html`<button class="btn quiet stored nums" aria-label=${`${view.conversationCount} stored conversations of ${view.name}`} title="Stored conversations" onClick=${() => conversations(view)}><${Icon} name="clock" />${view.conversationCount}</button>`}
    <a class="btn quiet icon-only to-chat" href=${chatOf(view.name)} aria-label=${`Chat with ${view.name}`} title="Chat"><${Icon} name="chat" /></a>
    <${Menu} label=${`Actions for ${view.name}`} items=${[...items(view), null, { icon: 'check', text: picked ? 'Clear the selection of it' : 'Select', run: () => onPick(view.name) }]} />
  </div>`;
}

/** Its agent, its folder and its conversation. @param {{ view: import('../types').Session }} props */
function Where({ view }) {
  const talk = view.boundConversationTitle || view.resumeFromTitle;
  const bound = view.boundConversationId ?? view.externalSessionId ?? view.resumeFrom;
  return html`<span class="session-where"><${AgentName} agent=${view.agent} /><span class="clip mono" title=${view.cwd}>${view.cwdDisplay}</span>
    ${talk ? html`<span class="clip talk" title=${`Conversation: ${talk}`}>${talk}</span>`
      : bound && html`<span class="clip mono bound" title=${`In the conversation ${bound}${view.boundBy ? `, known by its ${view.boundBy}` : ''}`}>↻ ${bound.slice(0, 8)}</span>`}</span>`;
}

/**
 * Far from the screen it is a link with a name: it can be found, tabbed to and read out, and two hundred of them cost little.
 * All rows are in one list, whatever their group: one that changes its group is moved, not drawn anew.
 * @param {{ box: import('../../vendor/preact.js').Signal<import('../types').Session>, first: boolean, edge: string, picked: boolean, picking: boolean, onPick: (name: string) => void }} props
 */
export function Row({ box, first, edge, picked, picking, onPick }) {
  const [near, element] = useNear(first);
  const view = box.value;
  const state = stateOf(view);
  const dialog = state === 'blocked' ? view.activity?.dialog : undefined;
  return html`<li ref=${element} class="session ${edge} ${state} ${picked ? 'picked' : ''}">
    <div class="session-main">
      ${near && html`<label class="pick"><input type="checkbox" checked=${picked} aria-label=${`Select ${view.name}`} onChange=${() => onPick(view.name)} /></label>`}
      <a class="session-link" href=${terminalOf(view.name)} onClick=${(/** @type {Event} */ event) => { if (picking) { event.preventDefault(); onPick(view.name); } }}>
        <span class="session-title">${near && html`<${Dot} state=${state} title=${evidence(view)} />`}<span class="session-name clip">${view.name}</span>
          <span class="unseen">${words[state]}</span>${near && isUnread(view) && html`<span class="new" title="Something happened since you last looked">new</span>`}</span>
        ${near && html`<span class="session-doing" title=${evidence(view)}><${Doing} view=${view} /></span><${Where} view=${view} />`}
      </a>
      ${near && html`<${Side} view=${view} picked=${picked} onPick=${onPick} />`}
    </div>
    ${near && dialog && html`<${Answer} name=${view.name} dialog=${dialog} />`}
  </li>`;
}
