// One page's view of a session: the socket, the screen, and who holds the size. Looking never resizes.
import { effect, signal } from '../../vendor/preact.js';
import { at, get, Refused, toLogin } from '../api.js';
import { fontSize, readOnly } from '../prefs.js';
import { loaded, look, put, putActivity, putTurn, sessions } from '../store.js';
import { say } from '../ui/toast.js';
import { keyboard } from '../viewport.js';
import { Screen } from './screen.js';
import { Socket } from './socket.js';
import { followTouch } from './touch.js';

/** @typedef {import('./socket.js').LinkState} LinkState */

/** What xterm says by itself, not at a person's key: the mouse, and that the page has the focus. */
const MOUSE = /^\x1b\[(<|M)/;
const FOCUS = /^\x1b\[[IO]$/;

/** What covers the stage for a while: marked parts of the foot, and what a prompt has grown by. @param {HTMLElement} stage */
function passing(stage) {
  const foot = stage.closest('.main')?.querySelector('.term-foot');
  if (!foot) return 0;
  const note = /** @type {HTMLElement | null} */ (foot.parentElement?.querySelector('.size-note'));
  let height = keyboard() + (note?.offsetHeight ?? 0);
  for (const part of foot.querySelectorAll('.answer, .turn, .keybar-all')) height += /** @type {HTMLElement} */ (part).offsetHeight + (part.classList.contains('turn') ? 6 : 0);
  const field = foot.querySelector('textarea');
  if (field) height += Math.max(0, field.offsetHeight - parseFloat(getComputedStyle(field).minHeight));
  return height;
}

export class Viewer {
  link = signal(/** @type {LinkState} */ ({ is: 'opening' }));
  size = signal(/** @type {{ cols: number, rows: number, holder: import('../types').Holder | null } | null} */ (null));
  viewers = signal(1);
  /** What this person may do; null until the daemon has said. */
  may = signal(/** @type {Set<string> | null} */ (null));
  title = signal('');
  rang = signal(0);
  atBottom = signal(true);
  painted = signal(false);
  /** A size was claimed by typing since the last one was told. */
  #claimed = false;
  #opened = false;
  /** How far the wheel was turned with Ctrl, or a trackpad pinched. */
  #turned = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #later;
  /** @type {(() => void)[]} */ #ends = [];

  /** @param {string} name @param {HTMLElement} stage @param {HTMLElement} host @param {{ touch: boolean }} how */
  constructor(name, stage, host, { touch }) {
    this.name = name;
    // The connection first: it is made while the screen is.
    this.socket = new Socket(name, {
      output: (bytes, end) => this.screen.output(bytes, () => this.socket.drawn(end)),
      snapshot: (bytes, end) => this.screen.snapshot(bytes, () => { this.socket.drawn(end); this.painted.value = true; }),
      message: (message) => this.#heard(message),
      link: (state) => { this.link.value = state; },
    }, () => this.#why());
    this.#begin();
    // In the size that it will have: a change of it is drawn anew.
    const size = sessions.peek().get(name)?.peek().size ?? [80, 24];
    try {
      this.screen = new Screen(stage, host, size, (keys) => this.#fromXterm(keys), touch, () => passing(stage));
    } catch (error) {
      for (const end of this.#ends) end();
      this.socket.close();
      throw error;
    }
    const { term } = this.screen;
    term.onTitleChange((title) => { this.title.value = title.slice(0, 120); });
    term.onBell(() => { this.rang.value += 1; });
    term.onScroll(() => this.#scrolled());
    term.onWriteParsed(() => this.#scrolled());
    const watch = new ResizeObserver(() => this.windowChanged());
    watch.observe(stage);
    this.#ends.push(() => watch.disconnect());
    if (touch) this.#ends.push(followTouch(this, stage));
    const wheel = (/** @type {WheelEvent} */ event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.#turned += event.deltaY;
      if (Math.abs(this.#turned) < 40) return;
      this.zoom(this.#turned < 0 ? 1 : -1);
      this.#turned = 0;
    };
    stage.addEventListener('wheel', wheel, { capture: true, passive: false });
    this.#ends.push(() => stage.removeEventListener('wheel', wheel, { capture: true }));
    const visible = () => { this.#look(); if (!document.hidden) { this.#open(); look(name); } };
    document.addEventListener('visibilitychange', visible);
    this.#ends.push(() => document.removeEventListener('visibilitychange', visible));
  }

  /** What is known not to run is not asked for. */
  #begin() {
    let begun = false;
    const end = effect(() => {
      if (begun || !loaded.value) return;
      begun = true;
      const view = sessions.peek().get(this.name)?.peek();
      if (view?.state === 'exited') this.link.value = { is: 'ended', why: '' };
      else if (view) this.socket.open();
      else this.link.value = { is: 'refused', why: 'gone' };
    });
    this.#ends.push(end);
  }

  get mine() {
    const holder = this.size.value?.holder;
    return holder?.kind === 'viewer' && holder.you === true;
  }

  #scrolled() {
    const { buffer } = this.screen.term;
    this.atBottom.value = buffer.active.viewportY >= buffer.active.baseY;
  }

  /** @param {any} message */
  #heard(message) {
    switch (message.type) {
      case 'hello':
        this.may.value = new Set(message.may);
        this.#look();
        this.#open();
        break;
      case 'size':
        this.#claimed = false;
        this.size.value = { cols: message.cols, rows: message.rows, holder: message.holder ?? null };
        this.screen.resize(message, this.mine);
        break;
      case 'viewers': this.viewers.value = message.count; break;
      case 'state':
        putActivity(this.name, message.activity);
        if (!document.hidden) look(this.name);
        break;
      case 'turn': putTurn(message.turn); break;
      case 'error': say(message.error, { hint: message.hint, wrong: true }); break;
    }
  }

  /** A person opened this page: once, and not behind another tab. */
  #open() {
    // Who may not type holds no size.
    if (this.#opened || document.hidden || !this.socket.isOpen || !this.may.peek()?.has('type')) return;
    this.#opened = true;
    this.socket.tell({ type: 'fit', act: 'open', ...this.screen.wanted() });
  }

  /** What a person sees here is not told to their phone as well. */
  #look() {
    this.socket.tell({ type: 'look', visible: !document.hidden });
  }

  /** The button: the size is this page's now. */
  claim() {
    this.socket.tell({ type: 'fit', act: 'fit', ...this.screen.wanted() });
  }

  /** The window, the font or the phone was turned. The keyboard of a phone is none of these: it covers, and goes again. */
  windowChanged() {
    this.screen.layout();
    clearTimeout(this.#later);
    this.#later = setTimeout(() => {
      if (document.hidden || keyboard() > 0) return;
      const wanted = this.screen.wanted();
      const now = this.size.peek();
      if (now && (!this.mine || wanted.cols !== now.cols || wanted.rows !== now.rows)) this.socket.tell({ type: 'size', ...wanted });
    }, 160);
  }

  /** @param {number} by */
  zoom(by) {
    fontSize.value = Math.max(8, Math.min(32, Math.round(fontSize.peek() + by)));
    this.windowChanged();
  }

  /** @param {string} keys */
  #fromXterm(keys) {
    if (FOCUS.test(keys)) return;
    if (MOUSE.test(keys)) {
      if (this.canType) this.socket.type(keys);
      return;
    }
    this.type(keys);
  }

  get canType() { return (this.may.peek()?.has('type') ?? false) && !readOnly.peek(); }

  /** Keys of a person. @param {string | Uint8Array} keys @returns {boolean} */
  type(keys) {
    const may = this.may.peek();
    if (may && !may.has('type')) {
      say('You may look at this session, but not type into it.');
      return false;
    }
    if (readOnly.peek()) {
      say('Read-only is on: nothing was typed.', { hint: 'Turn it off in the menu of the session.' });
      return false;
    }
    if (!this.mine && !this.#claimed && this.size.peek()?.holder?.kind !== 'tmux') {
      this.#claimed = true;
      this.socket.tell({ type: 'fit', act: 'type', ...this.screen.wanted() });
    }
    if (this.socket.type(keys)) return true;
    say('Not connected: nothing was typed.', { wrong: true });
    return false;
  }

  /** Why there is no connection. @returns {Promise<import('./socket.js').Verdict>} */
  async #why() {
    try {
      const view = /** @type {import('../types').Session} */ (await get(at(this.name), { stay: true }));
      put(view);
      return view.state === 'exited' ? 'ended' : 'again';
    } catch (error) {
      if (!(error instanceof Refused)) return 'again';
      if (error.status === 401) {
        toLogin();
        return 'login';
      }
      return error.status === 404 ? 'gone' : error.status === 403 ? 'forbidden' : 'again';
    }
  }

  /** All that is kept of the screen, as text. */
  text() {
    const buffer = this.screen.term.buffer.active;
    const lines = [];
    for (let i = 0; i < buffer.length; i += 1) {
      const line = buffer.getLine(i);
      const text = line?.translateToString(true) ?? '';
      if (line?.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines.join('\n').trimEnd();
  }

  close() {
    clearTimeout(this.#later);
    for (const end of this.#ends) end();
    this.socket.close();
    this.screen.dispose();
    look(this.name);
  }
}
