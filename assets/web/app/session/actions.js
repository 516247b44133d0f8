// What can be done to a session, from wherever it is shown.
import { html } from '../../vendor/preact.js';
import { at, post } from '../api.js';
import { chatOf, go, place, terminalOf } from '../router.js';
import { forget, put, sessions } from '../store.js';
import { show, sure } from '../ui/sheet.js';
import { say, sayError, tried } from '../ui/toast.js';

/** @typedef {import('../types').Session} Session */

/** @param {string} name */
export async function restart(name) {
  const done = /** @type {any} */ (await tried(() => post(at(name, '/respawn'))));
  if (!done) return false;
  put(done.session);
  say(`${name} was started anew.`);
  return true;
}

/** @param {string} name @param {{ ask?: boolean }} [how] */
export async function stop(name, { ask = true } = {}) {
  if (ask && !(await sure({ title: `Stop ${name}?`, text: 'Its agent is ended. Its settings and conversations stay, and you can start it again.', yes: 'Stop it' }))) return false;
  const done = await tried(() => post(at(name, '/stop')));
  if (done) say(`${name} was stopped.`);
  return Boolean(done);
}

/** @param {Session} view */
export async function remove(view) {
  const running = view.state === 'running';
  if (!(await sure({
    title: `Forget ${view.name}?`, danger: true, yes: running ? 'End and forget it' : 'Forget it',
    text: `${running ? 'Its agent is ended, and its' : 'Its'} settings are forgotten here. Conversations that the agent has stored stay where they are.`,
  }))) return false;
  const done = await tried(() => post(at(view.name, '/kill')));
  if (!done) return false;
  forget(view.name);
  say(`${view.name} was forgotten.`);
  if (place.peek().name === view.name) go('/');
  return true;
}

/** @param {string} name */
export async function interrupt(name) {
  const done = await tried(() => post(at(name, '/interrupt')));
  if (done) say('Interrupted.');
}

/** @param {string} name */
export async function newChat(name) {
  if (!(await sure({ title: 'Begin a new conversation?', text: 'The agent forgets what was said until now. The old conversation stays stored, and can be resumed.', yes: 'New conversation' }))) return false;
  const done = /** @type {any} */ (await tried(() => post(at(name, '/new-chat'))));
  if (done?.session) put(done.session);
  if (done) say('A new conversation has begun.');
  return Boolean(done);
}

/** Several at once: each on its own, one word about all. @param {string[]} names @param {string} what @param {(name: string) => Promise<unknown>} run */
export async function each(names, what, run) {
  const results = await Promise.allSettled(names.map(run));
  const failed = results.flatMap((result, i) => (result.status === 'rejected' ? [[names[i], result.reason]] : []));
  if (failed.length < names.length) say(`${what}: ${names.length - failed.length} of ${names.length}.`);
  for (const [name, error] of failed.slice(0, 3)) {
    if (error?.message) error.message = `${name}: ${error.message}`;
    sayError(error);
  }
}

// Forms are loaded when they are first wanted.
/** @param {Session} view */
export const edit = async (view) => {
  const { SessionForm } = await import('./form.js');
  show((close) => html`<${SessionForm} view=${view} close=${close} />`);
};

/** @param {{ agent?: string }} [from] */
export const create = async (from = {}) => {
  const { SessionForm } = await import('./form.js');
  const made = await show((close) => html`<${SessionForm} from=${from} close=${close} />`);
  if (made) go(terminalOf(made));
};

/** @param {Session} view */
export const conversations = async (view) => {
  const { Conversations } = await import('./conversations.js');
  const resumed = await show((close) => html`<${Conversations} view=${view} close=${close} />`);
  if (resumed) go(chatOf(view.name));
};

/** @param {string[]} names */
export const broadcast = async (names) => {
  const { Broadcast } = await import('./broadcast.js');
  show((close) => html`<${Broadcast} names=${names} close=${close} />`);
};

/** The menu of a session. @param {Session} view @param {'terminal' | 'chat' | ''} here */
export const items = (view, here = '') => [
  here !== 'terminal' && { icon: 'terminal', text: 'Terminal', href: terminalOf(view.name) },
  here !== 'chat' && { icon: 'chat', text: 'Chat', href: chatOf(view.name) },
  { icon: 'clock', text: 'Conversations', run: () => conversations(view) },
  { icon: 'edit', text: 'Edit', run: () => edit(sessions.peek().get(view.name)?.peek() ?? view) },
  null,
  { icon: view.state === 'running' ? 'restart' : 'play', text: view.state === 'running' ? 'Restart' : 'Start', run: () => restartAsked(view) },
  view.state === 'running' && { icon: 'stop', text: 'Stop', run: () => stop(view.name) },
  { icon: 'trash', text: 'Forget', danger: true, run: () => remove(view) },
];

/** @param {Session} view */
async function restartAsked(view) {
  if (view.state === 'running' && !(await sure({ title: `Restart ${view.name}?`, text: 'Its agent is ended and started anew with its settings. What it works on now is lost.', yes: 'Restart it' }))) return;
  await restart(view.name);
}
