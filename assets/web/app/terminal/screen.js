// The terminal itself: xterm.js, its size on the page, and what a person can do with it.
import { FitAddon, SearchAddon, Terminal, UnicodeGraphemesAddon, WebLinksAddon } from '../../vendor/xterm.js';
import { WebglAddon } from '../../vendor/xterm-webgl.js';
import { fontSize } from '../prefs.js';
import { allowStyles } from './styles.js';

const MIN_FONT = 5;
const ansi = {
  black: '#23272b', red: '#f2756b', green: '#7fcf8f', yellow: '#e3bd6a', blue: '#7aa9f7', magenta: '#c99bf0', cyan: '#6cc9cf', white: '#c9cdd1',
  brightBlack: '#70777e', brightRed: '#ff9d94', brightGreen: '#a2e3ae', brightYellow: '#f2d796', brightBlue: '#a6c6ff', brightMagenta: '#dfc1ff', brightCyan: '#9be3e7', brightWhite: '#f4f5f6',
};

/** @typedef {{ cols: number, rows: number }} Size */

export class Screen {
  /** How the screen was last laid out. */
  #pane = /** @type {Size} */ ({ cols: 80, rows: 24 });
  #mine = false;
  /** Whether the stage is lower than the pane for a while. */
  #short = false;
  #cell = { width: 0.6, height: 1.2 };

  /**
   * @param {HTMLElement} stage what it may fill @param {HTMLElement} host where it is drawn @param {[number, number]} size of the pane, as far as it is known
   * @param {(keys: string) => void} type @param {boolean} touch @param {() => number} passing how many pixels of the stage are covered for a while
   */
  constructor(stage, host, [cols, rows], type, touch, passing) {
    allowStyles();
    this.stage = stage;
    this.host = host;
    this.passing = passing;
    this.term = new Terminal({
      cols, rows, allowProposedApi: true, cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches, fontSize: fontSize.peek(),
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono').trim(), lineHeight: 1.1, scrollback: 10_000,
      theme: { background: '#0f1113', foreground: '#e4e6e7', cursor: '#e4e6e7', cursorAccent: '#0f1113', selectionBackground: '#35518c', ...ansi },
      macOptionIsMeta: true, rightClickSelectsWord: true, scrollOnUserInput: true, linkHandler: { activate: (_, text) => follow(text), allowNonHttpProtocols: false },
      // The screen is the daemon's: nothing here may answer for it, or name the page.
      windowOptions: {}, minimumContrastRatio: 1, screenReaderMode: false,
    });
    this.search = new SearchAddon();
    this.fit = new FitAddon();
    this.term.loadAddon(this.search);
    this.term.loadAddon(this.fit);
    this.term.loadAddon(new UnicodeGraphemesAddon());
    this.term.loadAddon(new WebLinksAddon((_, uri) => follow(uri)));
    this.term.open(host);
    this.term.onData(type);
    this.term.onBinary((text) => type(text));
    this.term.onWriteParsed(() => { if (this.#short) this.#shift(); });
    this.term.onScroll(() => { if (this.#short) this.#shift(); });
    const area = this.term.textarea;
    if (area) {
      area.setAttribute('aria-label', 'Terminal input: what is typed goes to the agent. Shift Escape leads out.');
      // A finger scrolls and selects; it is the composer that opens the keyboard.
      if (touch) area.setAttribute('inputmode', 'none');
    }
    this.#gpu();
    this.#measure();
  }

  /** The graphics card draws, if there is one. If it is taken away, the page draws on. */
  #gpu() {
    try {
      const addon = new WebglAddon();
      addon.onContextLoss(() => { addon.dispose(); this.#measure(); });
      this.term.loadAddon(addon);
    } catch { /* drawn as elements */ }
  }

  /** What one cell takes of the font's size, as it is drawn: cells are whole pixels of the device. */
  #measure() {
    const grid = this.host.querySelector('.xterm-screen');
    const size = this.term.options.fontSize ?? 14;
    if (!grid || grid.clientWidth === 0) return;
    this.#cell = { width: grid.clientWidth / this.term.cols / size, height: grid.clientHeight / this.term.rows / size };
  }

  /**
   * The size that would fill the stage at the person's own font size. What only comes and goes below it (a question, a
   * turn, a prompt of many lines, a phone's keyboard) is not counted: it would have the agent draw all anew each time.
   * @returns {Size}
   */
  wanted() {
    const { width, height: left } = this.#room();
    const height = left + this.passing();
    const size = fontSize.peek();
    return {
      cols: clamp(Math.floor(width / (this.#cell.width * size)), 2, 500),
      rows: clamp(Math.floor(height / (this.#cell.height * size)), 1, 300),
    };
  }

  #room() {
    const style = getComputedStyle(this.stage);
    return {
      width: this.stage.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
      height: this.stage.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom),
    };
  }

  /** Takes the pane's size, behind all output that is older. @param {Size} pane @param {boolean} mine whether this page holds the size */
  resize(pane, mine) {
    this.#mine = mine;
    this.term.write('', () => {
      this.#pane = pane;
      if (pane.cols !== this.term.cols || pane.rows !== this.term.rows) this.term.resize(pane.cols, pane.rows);
      this.layout();
    });
  }

  /** Fits what another has sized: a smaller font as far as it can be read, then panning. Never larger than the person's own. */
  layout() {
    const { width, height } = this.#room();
    if (width < 20 || height < 20) return;
    const own = fontSize.peek();
    let size = own;
    if (!this.#mine) {
      const fits = Math.min(width / (this.#pane.cols * this.#cell.width), height / (this.#pane.rows * this.#cell.height));
      size = clamp(Math.floor(fits * 4) / 4, Math.min(MIN_FONT, own), own);
    }
    if (size !== this.term.options.fontSize) {
      this.term.options.fontSize = size;
      if (size >= 8) this.#measure();
    }
    this.stage.classList.toggle('letterbox', !this.#mine);
    const full = this.#pane.rows * this.rowHeight;
    this.#short = this.#mine && full > height + 1;
    this.stage.classList.toggle('short', this.#short);
    this.host.style.height = this.#short ? `${full}px` : '';
    this.#shift();
  }

  /** Where all of it can't be seen, it is the end of what stands there that matters, not the blank rows below that. */
  #shift() {
    let up = 0;
    if (this.#short) {
      const hidden = this.#pane.rows * this.rowHeight - this.#room().height;
      up = clamp(hidden - (this.term.rows - this.#used()) * this.rowHeight, 0, hidden);
    }
    const margin = up > 0 ? `${-Math.round(up)}px` : '';
    if (margin !== this.host.style.marginTop) this.host.style.marginTop = margin;
  }

  /** How many rows it takes to see all that is written, and the cursor. */
  #used() {
    const buffer = this.term.buffer.active;
    if (buffer.viewportY !== buffer.baseY) return this.term.rows;
    let last = this.term.rows - 1;
    while (last > buffer.cursorY && !buffer.getLine(buffer.baseY + last)?.translateToString(true)) last -= 1;
    return last + 1;
  }

  /** @param {Uint8Array} bytes @param {() => void} drawn */
  output(bytes, drawn) {
    this.term.write(bytes, drawn);
  }

  /** Behind what is still to be drawn: the reset goes through the same queue. @param {Uint8Array} bytes @param {() => void} drawn */
  snapshot(bytes, drawn) {
    this.term.write('\x1bc');
    this.term.write(bytes, drawn);
  }

  /** The number of pixels of a row. */
  get rowHeight() { return this.#cell.height * (this.term.options.fontSize ?? 14); }

  dispose() {
    this.term.dispose();
  }
}

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** Follows a link that stood in the terminal. @param {string} text */
function follow(text) {
  try {
    const url = new URL(text);
    if (['http:', 'https:', 'mailto:'].includes(url.protocol)) open(url.href, '_blank', 'noopener,noreferrer');
  } catch { /* not a link */ }
}
