// What keys are to a terminal, and modifiers that stick: a tap is for the next key, two are until the third.
import { signal } from '../../vendor/preact.js';

/** @type {Record<string, string>} */
export const codes = {
  Esc: '\x1b', Tab: '\t', Enter: '\r', Bksp: '\x7f', Del: '\x1b[3~', Ins: '\x1b[2~',
  Up: '\x1b[A', Down: '\x1b[B', Right: '\x1b[C', Left: '\x1b[D', Home: '\x1b[H', End: '\x1b[F', PgUp: '\x1b[5~', PgDn: '\x1b[6~',
  F1: '\x1bOP', F2: '\x1bOQ', F3: '\x1bOR', F4: '\x1bOS', F5: '\x1b[15~', F6: '\x1b[17~', F7: '\x1b[18~', F8: '\x1b[19~', F9: '\x1b[20~', F10: '\x1b[21~', F11: '\x1b[23~', F12: '\x1b[24~',
};

/** @typedef {'shift' | 'alt' | 'ctrl'} Mod */
/** @typedef {'off' | 'once' | 'locked'} Hold */
/** @type {import('../../vendor/preact.js').Signal<Record<Mod, Hold>>} */
export const mods = signal({ shift: 'off', alt: 'off', ctrl: 'off' });

/** @type {Record<Mod, number>} */
const tapped = { shift: 0, alt: 0, ctrl: 0 };
/** @param {Mod} mod */
export function tap(mod) {
  const was = mods.value[mod];
  const quick = Date.now() - tapped[mod] < 400;
  tapped[mod] = Date.now();
  mods.value = { ...mods.value, [mod]: was === 'off' ? 'once' : was === 'once' && quick ? 'locked' : 'off' };
}

/** What a tap lasted for is over. */
export function spend() {
  const next = { ...mods.value };
  for (const mod of /** @type {Mod[]} */ (Object.keys(next))) if (next[mod] === 'once') next[mod] = 'off';
  mods.value = next;
}

/** A key with the modifiers that are held. @param {string} key a name of `codes`, or the character itself @param {boolean} [application] whether the program asked for application cursor keys */
export function encode(key, application = false) {
  const { shift, alt, ctrl } = mods.value;
  const on = { shift: shift !== 'off', alt: alt !== 'off', ctrl: ctrl !== 'off' };
  const number = 1 + (on.shift ? 1 : 0) + (on.alt ? 2 : 0) + (on.ctrl ? 4 : 0);
  let bytes = codes[key] ?? key;
  if (codes[key] === undefined) {
    if (on.shift) bytes = bytes.toUpperCase();
    if (on.ctrl) bytes = control(bytes);
    return on.alt ? `\x1b${bytes}` : bytes;
  }
  if (key === 'Tab' && on.shift) return '\x1b[Z';
  // Cursor keys say their modifiers in a parameter, as xterm's do.
  const cursor = /^\x1b(?:\[|O)([A-DFHP-S])$/.exec(bytes);
  const tilde = /^\x1b\[(\d+)~$/.exec(bytes);
  if (number > 1 && cursor) return `\x1b[1;${number}${cursor[1]}`;
  if (number > 1 && tilde) return `\x1b[${tilde[1]};${number}~`;
  if (application && /^\x1b\[[A-DFH]$/.test(bytes)) return bytes.replace('[', 'O');
  if (key === 'Bksp' && on.ctrl) return '\x08';
  return on.alt ? `\x1b${bytes}` : bytes;
}

/** @param {string} text */
function control(text) {
  const code = text.charCodeAt(0);
  if (text === ' ' || text === '@') return '\0';
  if (text === '?') return '\x7f';
  return text.length === 1 && code >= 0x40 && code < 0x80 ? String.fromCharCode(code & 0x1f) : text;
}
