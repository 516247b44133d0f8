// The client's half of `llmux.v1`, as protocol/websocket.md has it. It knows no terminal: bytes go out by callbacks.

/**
 * @typedef {object} Heard
 * @property {(bytes: Uint8Array, end: bigint) => void} output more of the terminal; `end` is the number of the byte after it
 * @property {(bytes: Uint8Array, end: bigint) => void} snapshot the whole of it
 * @property {(message: any) => void} message a text message
 * @property {(state: LinkState) => void} link
 */
/** @typedef {{ is: 'opening' | 'live' | 'waiting' | 'ended' | 'refused', at?: number, why?: string }} LinkState */

const OUTPUT = 1;
const SNAPSHOT = 2;
const HEAD = 9;
const encoder = new TextEncoder();

/** What the page tells when a connection can't be had. @typedef {'again' | 'ended' | 'login' | 'gone' | 'forbidden'} Verdict */

export class Socket {
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #silence;
  #viewer = crypto.getRandomValues(new Uint32Array(3)).join('').slice(0, 32);
  #epoch = '';
  #next = 0n;
  #acked = 0n;
  #drawn = 0n;
  #wait = 250;
  #tick = 20;
  #closed = false;
  #lacks = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #ackTimer;

  /** @param {string} name @param {Heard} heard @param {() => Promise<Verdict>} ask why there is no connection */
  constructor(name, heard, ask) {
    this.name = name;
    this.heard = heard;
    this.ask = ask;
    for (const kind of ['online', 'pageshow', 'focus']) addEventListener(kind, this.#wake);
    document.addEventListener('visibilitychange', this.#wake);
  }

  /** Connects, now. */
  open() {
    clearTimeout(this.#retry);
    this.#drop();
    this.heard.link({ is: 'opening' });
    const query = new URLSearchParams({ viewer: this.#viewer });
    if (this.#epoch !== '') {
      query.set('epoch', this.#epoch);
      query.set('from', String(this.#next));
    }
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/ws/${encodeURIComponent(this.name)}?${query}`, ['llmux.v1']);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#listen(10);
    let opened = false;
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#listen(this.#tick * 2);
      if (typeof data === 'string') this.#text(data);
      else this.#binary(new Uint8Array(data));
    };
    socket.onopen = () => { opened = true; };
    socket.onclose = ({ code, reason }) => { if (socket === this.#socket) this.#lost(code, reason, opened); };
  }

  /** Ends it for good. */
  close() {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#ackTimer);
    for (const kind of ['online', 'pageshow', 'focus']) removeEventListener(kind, this.#wake);
    document.removeEventListener('visibilitychange', this.#wake);
    this.#drop();
  }

  /** Keys. What can't be sent is not kept: nobody wants it typed a minute later. @param {string | Uint8Array} keys @returns {boolean} */
  type(keys) {
    const bytes = typeof keys === 'string' ? encoder.encode(keys) : keys;
    if (!this.isOpen) return false;
    // At most 64 KiB a message; they arrive in order.
    for (let at = 0; at < bytes.length; at += 32768) this.#socket?.send(bytes.slice(at, at + 32768));
    return true;
  }

  /** @param {object} message */
  tell(message) {
    if (this.isOpen) this.#socket?.send(JSON.stringify(message));
  }

  /** Says that all before `end` is drawn, now and then. @param {bigint} end */
  drawn(end) {
    this.#drawn = end;
    if (this.#drawn - this.#acked > 65536n) this.#ack();
    else this.#ackTimer ??= setTimeout(() => this.#ack(), 100);
  }

  get isOpen() { return this.#socket?.readyState === WebSocket.OPEN; }

  #ack() {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (this.#drawn === this.#acked) return;
    this.#acked = this.#drawn;
    // A number in JSON is exact up to 2^53: eight petabytes of output.
    this.tell({ type: 'ack', seq: Number(this.#acked) });
  }

  /** @param {Uint8Array} data */
  #binary(data) {
    if (data.length < HEAD) return;
    const number = new DataView(data.buffer, data.byteOffset).getBigUint64(1);
    const bytes = data.subarray(HEAD);
    if (data[0] === SNAPSHOT) {
      this.#lacks = false;
      this.#next = number;
      this.heard.snapshot(bytes, number);
    } else if (data[0] === OUTPUT) {
      if (number !== this.#next) {
        // Something was lost, which a snapshot should have come before: ask for one, once, rather than draw a wrong screen.
        if (!this.#lacks) this.tell({ type: 'resync' });
        this.#lacks = true;
        return;
      }
      this.#next = number + BigInt(bytes.length);
      this.heard.output(bytes, this.#next);
    }
  }

  /** @param {string} text */
  #text(text) {
    const message = JSON.parse(text);
    if (message.type === 'hello') {
      if (message.epoch !== this.#epoch) {
        this.#epoch = message.epoch;
        this.#next = 0n;
      }
      this.#acked = 0n;
      this.#tick = message.tickSecs || this.#tick;
      this.#wait = 250;
      this.heard.link({ is: 'live' });
    }
    this.heard.message(message);
  }

  /** @param {number} code @param {string} reason @param {boolean} opened */
  async #lost(code, reason, opened) {
    this.#drop();
    if (this.#closed) return;
    if (code === 4040) return this.heard.link({ is: 'ended', why: reason });
    // A refused upgrade looks like a lost network: only the API tells which it was.
    if (!opened || code === 1008) {
      const verdict = await this.ask().catch(() => /** @type {Verdict} */ ('again'));
      if (this.#closed || this.#socket) return;
      if (verdict === 'ended') return this.heard.link({ is: 'ended', why: '' });
      if (verdict !== 'again') return this.heard.link({ is: 'refused', why: verdict });
    }
    const wait = code === 1001 ? 100 : this.#wait * (0.75 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, 8000);
    this.heard.link({ is: 'waiting', at: Date.now() + wait });
    this.#retry = setTimeout(() => this.open(), wait);
  }

  /** Reconnects if nothing is heard for so many seconds: a socket over a dead network never says that it is dead. @param {number} seconds */
  #listen(seconds) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => { this.#lost(1006, 'silence', true); }, seconds * 1000);
  }

  /** The device woke up, or came back to a network: what is open may be dead, and what waits need not. */
  #wake = () => {
    if (this.#closed || document.hidden || this.#socket || this.#retry === undefined) return;
    this.#wait = 250;
    this.open();
  };

  #drop() {
    clearTimeout(this.#silence);
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = socket.onopen = null;
    socket.close();
  }
}
