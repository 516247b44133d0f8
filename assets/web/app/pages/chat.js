// The conversation of one session, from the agent's own transcript.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../../vendor/preact.js';
import { at, get, post, toLogin, Refused } from '../api.js';
import { setTitle } from '../notify.js';
import { place, terminalOf } from '../router.js';
import { MenuButton } from '../shell.js';
import { isFinal, loaded, look, putTurn, sessions, stateOf, turns } from '../store.js';
import { conversations, items, newChat, restart } from '../session/actions.js';
import { Answer } from '../session/answer.js';
import { Bubble } from '../session/bubble.js';
import { Composer } from '../session/composer.js';
import { Icon } from '../ui/icon.js';
import { Menu } from '../ui/menu.js';
import { Empty, StatePill, Waiting } from '../ui/parts.js';
import { tried } from '../ui/toast.js';

/** @typedef {import('../types').TranscriptTurn} TranscriptTurn */
/** @typedef {Extract<import('../types').Part, { kind: 'tool_result' }>} Result */

/** Follows the transcript. A turn that comes again with the same id takes the place of the first. @param {string} name */
function useTranscript(name) {
  const [all, setAll] = useState(/** @type {{ turns: Map<string, TranscriptTurn>, known: boolean, unsupported: boolean, cut: boolean }} */ ({ turns: new Map(), known: false, unsupported: false, cut: false }));
  useEffect(() => {
    /** @type {EventSource | null} */ let source = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */ let timer;
    /** @type {TranscriptTurn[]} */ let heard = [];
    let frame = 0;
    let wait = 500;
    let fresh = false;
    const draw = () => {
      frame = 0;
      const some = heard;
      heard = [];
      const anew = fresh;
      fresh = false;
      setAll((old) => {
        const next = new Map(anew ? [] : old.turns);
        for (const turn of some) next.set(turn.id, turn);
        return { ...old, turns: next, known: true, cut: false };
      });
    };
    const soon = () => { frame ||= requestAnimationFrame(draw); };
    const open = () => {
      source?.close();
      const mine = new EventSource(at(name, '/transcript/stream?looks=true'));
      source = mine;
      // The stream begins with what there is: a connection that was lost starts from nothing.
      mine.onopen = () => { wait = 500; fresh = true; heard = []; soon(); };
      mine.onmessage = ({ data }) => { heard.push(JSON.parse(data)); soon(); };
      mine.addEventListener('reset', () => { fresh = true; heard = []; soon(); });
      mine.addEventListener('unsupported', () => setAll((old) => ({ ...old, known: true, unsupported: true })));
      mine.onerror = async () => {
        if (mine !== source) return;
        mine.close();
        setAll((old) => ({ ...old, cut: true }));
        timer = setTimeout(open, wait);
        wait = Math.min(wait * 2, 15_000);
        await get(at(name), { stay: true }).catch((error) => { if (error instanceof Refused && error.status === 401) toLogin(); });
      };
    };
    open();
    // A hidden page holds no connection: a browser has only a few.
    const visible = () => {
      if (document.hidden) {
        source?.close();
        source = null;
        clearTimeout(timer);
      } else {
        look(name);
        open();
      }
    };
    document.addEventListener('visibilitychange', visible);
    look(name);
    return () => {
      source?.close();
      source = null;
      clearTimeout(timer);
      cancelAnimationFrame(frame);
      document.removeEventListener('visibilitychange', visible);
      look(name);
    };
  }, [name]);
  return all;
}

export default function Chat() {
  const { name } = place.value;
  const view = sessions.value.get(name)?.value;
  const { turns: said, known, unsupported, cut } = useTranscript(name);
  const composer = useRef(/** @type {import('../session/composer.js').ComposerApi | null} */ (null));
  const scroll = useRef(/** @type {HTMLElement | null} */ (null));
  const stick = useRef(true);
  const [away, setAway] = useState(false);
  const state = view ? stateOf(view) : 'unknown';
  const turn = turns.value.get(name)?.value;

  useEffect(() => { setTitle(name); }, [name]);
  const order = useMemo(() => [...said.values()], [said]);
  const { results, uses } = useMemo(() => {
    const parts = order.flatMap((one) => one.parts);
    return {
      results: new Map(parts.flatMap((part) => (part.kind === 'tool_result' && part.forId ? [/** @type {[string, Result]} */ ([part.forId, part])] : []))),
      uses: new Set(parts.flatMap((part) => (part.kind === 'tool_use' && part.id ? [part.id] : []))),
    };
  }, [order]);
  useLayoutEffect(() => {
    if (stick.current && scroll.current) scroll.current.scrollTop = scroll.current.scrollHeight;
  }, [order, state, turn?.state]);

  const toEnd = () => { stick.current = true; scroll.current?.scrollTo({ top: scroll.current.scrollHeight, behavior: 'smooth' }); };
  const onScroll = () => {
    const box = scroll.current;
    if (!box) return;
    stick.current = box.scrollHeight - box.scrollTop - box.clientHeight < 90;
    setAway(!stick.current);
  };

  const works = state === 'busy' || (turn && !isFinal(turn) && turn.state === 'running');
  return html`<header class="bar term-bar">
      <${MenuButton} /><h1 class="clip mono">${name}</h1>${view && html`<${StatePill} view=${view} />`}
      ${cut && html`<span class="link lost" role="status"><i></i>Reconnecting…</span>`}
      <span class="grow"></span>
      <${Models} name=${name} />
      <nav class="segments" aria-label="Views"><a href=${terminalOf(name)} aria-label="Terminal"><${Icon} name="terminal" /><span class="if-wide">Terminal</span></a><a aria-current="page" aria-label="Chat" href=${place.value.path}><${Icon} name="chat" /><span class="if-wide">Chat</span></a></nav>
      <${Menu} label="More" items=${[{ icon: 'plus', text: 'New conversation', run: () => newChat(name) }, ...(view ? items(view, 'chat') : [])]} />
    </header>
    <main class="chat" id="page" tabindex="-1" ref=${scroll} onScroll=${onScroll}><div class="chat-in">
      ${!known ? html`<${Waiting} />`
        : unsupported ? html`<${Empty} icon="chat" title="No conversation to show" action=${html`<a class="btn primary" href=${terminalOf(name)}>To the terminal</a>`}>This agent keeps no transcript that can be read. What it says is in the terminal; prompts can be sent from here all the same.</${Empty}>`
        : order.length === 0 ? html`<${Empty} icon="chat" title="Nothing was said yet" action=${view && html`<button class="btn" onClick=${() => conversations(view)}>Go on with an old conversation</button>`}>Send a prompt below.</${Empty}>`
        : order.map((one) => html`<${Bubble} key=${one.id} turn=${one} results=${results} uses=${uses} />`)}
      ${works && html`<div class="typing" role="status"><i></i><i></i><i></i><span class="unseen">The agent works</span></div>`}
      ${loaded.value && !view && html`<div class="note warn">There is no session “${name}” any more. <a href="/">To the sessions</a></div>`}
      ${view?.state === 'exited' && html`<div class="note row"><span class="grow">The agent is not running.</span><button class="btn" onClick=${() => restart(name)}><${Icon} name="play" />Start it</button></div>`}
    </div></main>
    <footer class="term-foot chat-foot">
      ${away && html`<button class="btn to-end" onClick=${toEnd}><${Icon} name="down" />To the end</button>`}
      ${view?.activity?.dialog && state === 'blocked' && html`<${Answer} name=${name} dialog=${view.activity.dialog} />`}
      <${Composer} name=${name} may=${view?.state !== 'exited'} busy=${works} api=${composer} />
    </footer>`;
}

/** Which model answers, where the configuration lists some. @param {{ name: string }} props */
function Models({ name }) {
  const [has, setHas] = useState(/** @type {{ models: string[], current: string | null }} */ ({ models: [], current: null }));
  useEffect(() => { get(at(name, '/models')).then((found) => setHas(/** @type {any} */ (found)), () => {}); }, [name]);
  if (!Array.isArray(has.models) || has.models.length === 0) return null;
  /** @param {string} model */
  const choose = async (model) => {
    const made = /** @type {any} */ (await tried(() => post(at(name, '/turns'), { prompt: `/model ${model}`, wait: 'queued' })));
    if (!made) return;
    putTurn(made.turn ?? made);
    setHas({ ...has, current: model });
  };
  return html`<${Menu} label="Model" class="btn quiet" items=${has.models.map((model) => ({ text: model, icon: model === has.current ? 'check' : 'blank', run: () => choose(model) }))}><span class="clip">${has.current ?? 'Model'}</span><${Icon} name="down" /></${Menu}>`;
}
