// The terminal of one session.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../../vendor/preact.js';
import { addKeys } from '../keys.js';
import { setTitle } from '../notify.js';
import { readOnly, showKeys } from '../prefs.js';
import { chatOf } from '../router.js';
import { MenuButton } from '../shell.js';
import { loaded, sessions, stateOf } from '../store.js';
import { items, newChat, remove, restart } from '../session/actions.js';
import { Answer } from '../session/answer.js';
import { Composer } from '../session/composer.js';
import { upload } from '../session/upload.js';
import { KeyBar } from '../terminal/keybar.js';
import { LiveInput } from '../terminal/live.js';
import { Search } from '../terminal/search.js';
import { Viewer } from '../terminal/viewer.js';
import { now } from '../time.js';
import { Icon } from '../ui/icon.js';
import { Menu } from '../ui/menu.js';
import { copy, Empty, StatePill } from '../ui/parts.js';
import { Sheet, show } from '../ui/sheet.js';
import { place } from '../router.js';

const touch = matchMedia('(pointer: coarse)').matches;
const allowed = new Set(['watch', 'type', 'prompt', 'answer', 'manage']);

export default function Session() {
  const { name } = place.value;
  const view = sessions.value.get(name)?.value;
  const stage = useRef(/** @type {HTMLElement | null} */ (null));
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const composer = useRef(/** @type {import('../session/composer.js').ComposerApi | null} */ (null));
  const [viewer, setViewer] = useState(/** @type {Viewer | null} */ (null));
  const [searching, setSearching] = useState(false);
  const [live, setLive] = useState(false);
  const [run, setRun] = useState(0);
  const [over, setOver] = useState(false);

  useLayoutEffect(() => {
    if (!stage.current || !host.current) return undefined;
    const made = new Viewer(name, stage.current, host.current, { touch });
    made.screen.term.attachCustomKeyEventHandler((event) => {
      if (event.type !== 'keydown') return true;
      if (event.key === 'Escape' && event.shiftKey) {
        composer.current?.focus();
        return false;
      }
      if (event.ctrlKey && event.shiftKey && event.key.toUpperCase() === 'C') {
        copy(made.screen.term.getSelection());
        event.preventDefault();
        return false;
      }
      if (event.ctrlKey && event.shiftKey && event.key.toUpperCase() === 'F') {
        setSearching(true);
        event.preventDefault();
        return false;
      }
      return !(event.ctrlKey && event.shiftKey && event.key.toUpperCase() === 'V');
    });
    if (!touch) made.screen.term.focus();
    setViewer(made);
    // For tests, and for whoever asks in the console.
    Object.assign(window, { llmuxViewer: made });
    return () => made.close();
  }, [name, run]);

  useEffect(() => { setTitle(name); }, [name]);
  useEffect(() => addKeys({
    t: { text: 'To the terminal', run: () => viewer?.screen.term.focus() }, p: { text: 'To the prompt', run: () => composer.current?.focus() },
    f: { text: 'Fit the session to this window', run: () => viewer?.claim() }, i: { text: 'Look only: nothing is typed', run: () => { readOnly.value = !readOnly.peek(); } },
  }), [viewer]);

  /** @param {DataTransfer | null} given */
  const take = async (given) => {
    if (!given || given.files.length === 0) return false;
    const paths = await upload(name, [...given.files]);
    if (paths.length > 0) composer.current?.insert(`${paths.join(' ')} `);
    return true;
  };

  // Before the daemon has said what is allowed, nothing is known to be forbidden.
  const may = viewer?.may.value ?? allowed;
  const canType = may.has('type') && !readOnly.value;
  const state = view ? stateOf(view) : 'unknown';
  const application = () => viewer?.screen.term.modes.applicationCursorKeysMode ?? false;
  const gone = viewer?.link.value.why === 'gone' || (loaded.value && !view && viewer?.link.value.is === 'refused');

  return html`<header class="bar term-bar">
      <${MenuButton} />
      <h1 class="clip mono" title=${viewer?.title.value || name}>${name}</h1>
      ${view && html`<${StatePill} view=${view} />`}
      <span class="grow"></span>
      <${LinkState} viewer=${viewer} />
      ${viewer && viewer.viewers.value > 1 && html`<span class="watched nums" title="People who look at it"><${Icon} name="eye" label="Viewers" />${viewer.viewers.value}</span>`}
      ${readOnly.value && html`<button class="btn quiet locked" onClick=${() => { readOnly.value = false; }} title="Nothing you type reaches the agent. Press to type again."><${Icon} name="lock" />Read-only</button>`}
      <nav class="segments" aria-label="Views"><a aria-current="page" aria-label="Terminal" href=${place.value.path}><${Icon} name="terminal" /><span class="if-wide">Terminal</span></a><a href=${chatOf(name)} aria-label="Chat"><${Icon} name="chat" /><span class="if-wide">Chat</span></a></nav>
      ${viewer && html`<${Menu} label="More" items=${[
        { icon: 'fit', text: 'Fit to this window', run: () => viewer.claim() },
        { icon: 'search', text: 'Search', run: () => setSearching(true) },
        { icon: 'copy', text: 'Text to select', run: () => showText(viewer) },
        { icon: readOnly.value ? 'edit' : 'lock', text: readOnly.value ? 'Type again' : 'Read-only', run: () => { readOnly.value = !readOnly.value; } },
        { icon: 'plus', text: 'Larger letters', run: () => viewer.zoom(1) }, { icon: 'minus', text: 'Smaller letters', run: () => viewer.zoom(-1) },
        { icon: 'keyboard', text: showKeys.value ? 'Hide the keys' : 'Show the keys', run: () => { showKeys.value = !showKeys.value; } },
        { icon: 'chat', text: 'New conversation', run: () => newChat(name) },
        null, ...(view ? items(view, 'terminal') : []),
      ]} />`}
    </header>
    ${viewer && html`<${SizeNote} viewer=${viewer} />`}
    <main class="term-page" id="page" tabindex="-1">
      <div class="term-stage ${over ? 'over' : ''} ${viewer?.painted.value ? '' : 'blank'} ${viewer && viewer.rang.value % 2 ? 'rang-a' : viewer?.rang.value ? 'rang-b' : ''}" ref=${stage} key=${run}
        onDragOver=${(/** @type {DragEvent} */ event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)}
        onDrop=${(/** @type {DragEvent} */ event) => { event.preventDefault(); setOver(false); take(event.dataTransfer); }}
        onPasteCapture=${(/** @type {ClipboardEvent} */ event) => { if (event.clipboardData?.files.length) { event.preventDefault(); event.stopPropagation(); take(event.clipboardData); } }}>
        <div class="term-host" ref=${host}></div>
      </div>
      ${over && html`<div class="drop-note">Drop it here: the agent’s folder gets it</div>`}
      ${viewer && searching && html`<${Search} viewer=${viewer} close=${() => { setSearching(false); viewer.screen.term.focus(); }} />`}
      ${viewer && !viewer.atBottom.value && html`<button class="btn to-end" onClick=${() => viewer.screen.term.scrollToBottom()}><${Icon} name="down" />To the end</button>`}
      ${gone ? html`<${Over} icon="help" title="There is no such session" text=${`Nothing is known of “${name}”.`}><a class="btn primary" href="/">To the sessions</a></${Over}>`
        : viewer?.link.value.why === 'forbidden' ? html`<${Over} icon="lock" title="You may not look at this session" text="Your sign-in is limited to others."><a class="btn primary" href="/">To the sessions</a></${Over}>`
        : viewer?.link.value.is === 'ended' && html`<${Over} icon="stop" title="The agent has ended" text=${ended(viewer.link.value.why ?? '', view)}>
          <button class="btn primary" onClick=${async () => { if (await restart(name)) setRun(run + 1); }}><${Icon} name="play" />Start it again</button>
          ${view && html`<button class="btn" onClick=${() => remove(view)}>Forget it</button>`}<a class="btn" href="/">To the sessions</a></${Over}>`}
    </main>
    <footer class="term-foot">
      ${view?.activity?.dialog && state === 'blocked' && html`<${Answer} name=${name} dialog=${view.activity.dialog} may=${may.has('answer')} />`}
      ${live ? html`<${LiveInput} type=${(/** @type {string} */ keys) => viewer?.type(keys)} application=${application} may=${canType} done=${() => setLive(false)} />`
        : html`<${Composer} name=${name} may=${may.has('prompt') && !readOnly.value && view?.state !== 'exited'} busy=${state === 'busy'} api=${composer}
          lead=${(touch || showKeys.value) && html`<button type="button" class="btn quiet icon-only" aria-label="Type keys instead" title="Type keys instead" aria-pressed="false" onClick=${() => setLive(true)}><${Icon} name="keyboard" /></button>`} />`}
      ${showKeys.value && html`<${KeyBar} type=${(/** @type {string} */ keys) => viewer?.type(keys)} application=${application} />`}
    </footer>`;
}

/** @param {string} why @param {import('../types').Session | undefined} view */
function ended(why, view) {
  const code = /code=(\d+)/.exec(why)?.[1] ?? view?.exit?.code;
  return code === undefined ? 'Its program is not running.' : `Its program ended with status ${code}.`;
}

/** @param {{ icon: string, title: string, text: string, children?: any }} props */
const Over = ({ icon, title, text, children }) => html`<div class="term-over"><div><${Empty} icon=${icon} title=${title} action=${children}>${text}</${Empty}></div></div>`;

/** @param {{ viewer: Viewer | null }} props */
function LinkState({ viewer }) {
  const link = viewer?.link.value ?? { is: 'opening' };
  if (link.is === 'live') return html`<span class="link live" title="Connected: what you see is what is there"><i></i><span class="unseen">Connected</span></span>`;
  if (link.is === 'opening') return html`<span class="link" role="status"><i></i>Connecting…</span>`;
  if (link.is === 'waiting') {
    const left = Math.max(0, Math.ceil(((link.at ?? 0) - now.value) / 1000));
    return html`<button class="link lost" title="Try now" onClick=${() => viewer?.socket.open()}><i></i>Reconnecting${left > 1 ? ` in ${left}s` : '…'}</button>`;
  }
  return null;
}

/** Who holds the size, where it is not this window. @param {{ viewer: Viewer }} props */
function SizeNote({ viewer }) {
  const size = viewer.size.value;
  if (!size || viewer.mine || viewer.link.value.is === 'ended') return null;
  const { holder, cols, rows } = size;
  const text = holder?.kind === 'tmux' ? 'A tmux client holds the size' : holder ? `${holder.who || 'Another viewer'} holds the size` : 'Nobody holds the size';
  return html`<aside class="size-note" aria-label="Size"><span class="clip"><span class="nums">${cols} × ${rows}</span> · ${text}</span>
    ${holder?.kind === 'tmux' || !viewer.may.value?.has('type') ? null : html`<button class="btn" onClick=${() => viewer.claim()} title="Give the session the size of this window (f)"><${Icon} name="fit" />Fit</button>`}</aside>`;
}

/** @param {Viewer} viewer */
function showText(viewer) {
  const text = viewer.text();
  show((close) => html`<${Sheet} title="The terminal as text" close=${close} width=${900} foot=${html`<button class="btn primary" onClick=${() => copy(text)}><${Icon} name="copy" />Copy all</button>`}>
    <pre class="as-text" tabindex="0">${text || 'Nothing is there.'}</pre></${Sheet}>`);
}
