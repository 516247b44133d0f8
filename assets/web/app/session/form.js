// Starting a session, and changing one.
import { html, useEffect, useState } from '../../vendor/preact.js';
import { at, call, get, post, Refused } from '../api.js';
import { list, put, forget } from '../store.js';
import { ago } from '../time.js';
import { Blocks } from '../ui/blocks.js';
import { Field } from '../ui/parts.js';
import { Sheet } from '../ui/sheet.js';
import { say, sayError } from '../ui/toast.js';

/** @typedef {import('../types').Session} Session */
/** @typedef {import('../types').Agent} Agent */

/** @param {Record<string, string> | undefined} env */
const envText = (env) => Object.entries(env ?? {}).map(([key, value]) => `${key}=${value}`).join('\n');

/** What `given` has and `old` had otherwise. @param {Record<string, any>} given @param {Record<string, any>} old */
function changed(given, old) {
  return Object.fromEntries(Object.entries(given).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(old[key])));
}

/** @param {{ view?: Session, from?: { agent?: string }, close: (made?: any) => void }} props */
export function SessionForm({ view, from = {}, close }) {
  const [agents, setAgents] = useState(/** @type {Agent[] | null} */ (null));
  const start = {
    name: view?.name ?? '', cwd: view?.cwdDisplay ?? '', flags: view?.flags ?? view?.defaultFlags ?? '',
    env: envText(view?.env), initPrompts: view?.initPrompts ?? [], resumeFrom: view?.resumeFrom ?? '',
  };
  const [agent, setAgent] = useState(view?.agent ?? from.agent ?? '');
  const [form, setForm] = useState(start);
  const [wrong, setWrong] = useState(/** @type {Refused | null} */ (null));
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    get('/api/agents').then((value) => {
      const all = /** @type {Agent[]} */ (value);
      setAgents(all);
      if (!view) choose(all.find((one) => one.key === from.agent) ?? all.find((one) => !one.builtin) ?? all[0]);
    }, sayError);
  }, []);

  /** @param {Agent | undefined} one */
  function choose(one) {
    if (!one) return;
    setAgent(one.key);
    setForm((old) => ({ ...old, flags: one.flags, resumeFrom: '' }));
  }

  /** @param {Partial<typeof start>} part */
  const set = (part) => setForm((old) => ({ ...old, ...part }));
  /** @param {keyof typeof start} key */
  const bind = (key) => ({ value: form[key], onInput: (/** @type {any} */ event) => set({ [key]: event.target.value }) });

  /** @param {boolean} apply */
  async function save(apply) {
    setBusy(true);
    setWrong(null);
    const prompts = form.initPrompts.map((text) => text.trimEnd()).filter((text) => text !== '');
    try {
      if (!view) {
        const own = agents?.find((one) => one.key === agent)?.flags;
        const done = /** @type {any} */ (await post('/api/sessions', {
          agent, name: form.name.trim() || undefined, cwd: form.cwd.trim() || undefined,
          flags: form.flags === own ? undefined : form.flags, env: form.env.trim() || undefined,
          initPrompts: prompts.length > 0 ? prompts : undefined, resumeFrom: form.resumeFrom || undefined,
        }));
        put(done.session);
        say(`${done.session.name} was started.`);
        close(done.session.name);
        return;
      }
      // Only what was changed: what is an agent's own default stays its own.
      const diff = changed({ ...form, initPrompts: prompts }, start);
      if (Object.keys(diff).length === 0 && !apply) return close();
      const done = /** @type {any} */ (await call('PATCH', at(view.name), { ...diff, apply }));
      if (done.session.name !== view.name) forget(view.name);
      put(done.session);
      say(apply ? `${done.session.name} was changed and started anew.` : `${done.session.name} was changed.`);
      close();
    } catch (error) {
      if (error instanceof Refused) setWrong(error);
      else sayError(error);
      setBusy(false);
    }
  }

  const one = agents?.find((each) => each.key === agent);
  const folders = useFolders(form.cwd);
  const running = view?.state === 'running';
  const foot = view
    ? html`<button type="button" class="btn" onClick=${() => close()}>Cancel</button>
      ${running && html`<button type="button" class="btn" disabled=${busy} onClick=${() => save(false)} title="The running agent keeps what it was started with">Save for the next start</button>`}
      <button type="submit" class="btn primary" disabled=${busy}>${running ? 'Save and restart' : 'Save'}</button>`
    : html`<button type="button" class="btn" onClick=${() => close()}>Cancel</button><button type="submit" class="btn primary" disabled=${busy || !agent}>${busy ? 'Starting…' : 'Start'}</button>`;

  return html`<${Sheet} title=${view ? `Edit ${view.name}` : 'New session'} close=${close} width=${600} foot=${foot} onSubmit=${() => save(running)}>
    <div class="stack">
      ${wrong && html`<div class="note wrong" role="alert">${wrong.message} <span class="hint">${wrong.hint}</span></div>`}
      ${!view && (agents && agents.length === 0
        ? html`<div class="note warn">No agent is installed here. <a href="/agents">See how to install one.</a></div>`
        : html`<${Field} label="Agent" help=${html`Not there? <a href="/agents">See how to install it.</a>`}>${(/** @type {string} */ id) => html`<select id=${id} data-focus value=${agent}
            onChange=${(/** @type {any} */ event) => choose(agents?.find((each) => each.key === event.target.value))}>
            ${(agents ?? []).map((each) => html`<option key=${each.key} value=${each.key}>${each.displayName}</option>`)}</select>`}</${Field}>`)}
      <div class="two">
        <${Field} label="Name" help="Letters, digits, - and _">${(/** @type {string} */ id) => html`<input id=${id} type="text" class="mono" ...${bind('name')} placeholder=${agent} pattern="[A-Za-z0-9][A-Za-z0-9_\\-]{0,63}" autocomplete="off" autocapitalize="off" spellcheck=${false} />`}</${Field}>
        <${Field} label="Folder" help="Where the agent works">${(/** @type {string} */ id) => html`<input id=${id} type="text" class="mono" ...${bind('cwd')} placeholder="~" list="folders" autocomplete="off" autocapitalize="off" spellcheck=${false} /><datalist id="folders">${folders.map((folder) => html`<option value=${folder} />`)}</datalist>`}</${Field}>
      </div>
      <${ResumeFrom} agent=${agent} cwd=${form.cwd || '~'} value=${form.resumeFrom} onPick=${(/** @type {string} */ id) => set({ resumeFrom: id })} />
      <div class="field"><span class="label">Init prompts</span><${Blocks} label="Init prompt" help="Typed one after another, once the agent is ready." texts=${form.initPrompts} set=${(/** @type {string[]} */ initPrompts) => set({ initPrompts })} /></div>
      <details class="more" open=${Boolean(view?.flags || view?.env)}><summary>Flags and environment</summary><div class="stack">
        <${Field} label="Flags" help=${one && form.flags !== one.flags ? html`The agent’s own: <code>${one.flags || 'none'}</code>` : 'They replace the agent’s own.'}>${(/** @type {string} */ id) => html`<input id=${id} type="text" class="mono" ...${bind('flags')} autocomplete="off" autocapitalize="off" spellcheck=${false} />`}</${Field}>
        <${Field} label="Environment" help="One KEY=VALUE a line">${(/** @type {string} */ id) => html`<textarea id=${id} class="mono" rows="3" ...${bind('env')} autocapitalize="off" spellcheck=${false} />`}</${Field}>
      </div></details>
      ${running && html`<p class="muted small">What you change counts from the next start of the agent. “Save and restart” ends what it works on now.</p>`}
    </div></${Sheet}>`;
}

/** Folders to choose from: those of the sessions, and what is there as a path is typed. @param {string} typed @returns {string[]} */
function useFolders(typed) {
  const [found, setFound] = useState(/** @type {string[]} */ ([]));
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => {
      get(`/api/directories?beginning=${encodeURIComponent(typed)}`, { signal: stop.signal }).then((now) => setFound(/** @type {any} */ (now).directories), () => {});
    }, 150);
    return () => { clearTimeout(timer); stop.abort(); };
  }, [typed]);
  return [...new Set([...list.peek().map((box) => box.peek().cwdDisplay), ...found])].sort();
}

/** The stored conversations of that agent in that folder, as the folder is typed. @param {{ agent: string, cwd: string, value: string, onPick: (id: string) => void }} props */
function ResumeFrom({ agent, cwd, value, onPick }) {
  const [all, setAll] = useState(/** @type {import('../types').Conversation[]} */ ([]));
  useEffect(() => {
    if (!agent) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      get(`/api/conversations?agent=${encodeURIComponent(agent)}&cwd=${encodeURIComponent(cwd)}`, { signal: stop.signal }).then((found) => setAll(/** @type {any} */ (found)), () => {});
    }, 250);
    return () => { clearTimeout(timer); stop.abort(); };
  }, [agent, cwd]);
  if (all.length === 0 && !value) return null;
  return html`<${Field} label="Go on with a conversation" help=${`${all.length} stored for this agent in this folder`}>${(/** @type {string} */ id) => html`<select id=${id} value=${value} onChange=${(/** @type {any} */ event) => onPick(event.target.value)}>
    <option value="">No: begin a new one</option>
    ${value && !all.some((one) => one.id === value) && html`<option value=${value}>${value}</option>`}
    ${all.map((one) => html`<option key=${one.id} value=${one.id}>${one.title} (${ago(one.lastMessageAt)})</option>`)}</select>`}</${Field}>`;
}
