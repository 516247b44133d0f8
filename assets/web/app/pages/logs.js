// What the daemon says of itself, as it says it.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../../vendor/preact.js';
import { get, Refused } from '../api.js';
import { Bar } from '../shell.js';
import { hms } from '../time.js';
import { Icon } from '../ui/icon.js';
import { copy, Empty, Waiting, Wrong } from '../ui/parts.js';

/** @typedef {import('../types').LogEntry} LogEntry */
const KEPT = 1000;
const levels = { all: () => true, warn: (/** @type {string} */ level) => /warn|error/i.test(level), error: (/** @type {string} */ level) => /error/i.test(level) };

export default function Logs() {
  const [all, setAll] = useState(/** @type {LogEntry[] | null} */ (null));
  const [error, setError] = useState(/** @type {Refused | null} */ (null));
  const [level, setLevel] = useState(/** @type {keyof typeof levels} */ ('all'));
  const [text, setText] = useState('');
  const [paused, setPaused] = useState(false);
  const [isLive, setLive] = useState(false);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const stick = useRef(true);
  const hold = useRef(false);
  hold.current = paused;
  const resume = useRef(() => {});
  useEffect(() => { if (!paused) resume.current(); }, [paused]);

  useEffect(() => {
    /** @type {EventSource | null} */ let source = null;
    let here = true;
    let frame = 0;
    /** @type {Set<string | undefined>} */ const seen = new Set();
    /** @type {LogEntry[]} */ const held = [];
    const flush = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        const more = held.splice(0);
        setAll((old) => [...(old ?? []), ...more].slice(-KEPT));
      });
    };
    resume.current = flush;
    get('/api/logs').then((value) => {
      if (!here) return;
      const entries = /** @type {LogEntry[]} */ (/** @type {any} */ (value).entries);
      setAll(entries);
      for (const entry of entries) seen.add(entry.id);
      // It begins with what is already here, so that nothing falls between the two.
      source = new EventSource('/api/logs/stream?backlog=500');
      source.addEventListener('reset', () => setAll([]));
      source.onopen = () => setLive(true);
      source.onerror = () => setLive(false);
      source.onmessage = ({ data }) => {
        /** @type {LogEntry} */ const entry = JSON.parse(data);
        if (entry.id !== undefined && seen.has(entry.id)) return;
        seen.add(entry.id);
        held.push(entry);
        if (!hold.current) flush();
      };
    }, setError);
    return () => { here = false; source?.close(); cancelAnimationFrame(frame); };
  }, []);
  const shown = useMemo(() => (all ?? []).filter((entry) => levels[level](entry.level) && (text === '' || entry.text.toLowerCase().includes(text.toLowerCase()))), [all, level, text]);
  useLayoutEffect(() => { if (stick.current && box.current) box.current.scrollTop = box.current.scrollHeight; }, [shown]);

  return html`<${Bar} title="Log"><span class="link ${isLive ? 'live' : ''}" role="status"><i></i>${paused ? 'paused' : isLive ? 'live' : 'connecting…'}</span>
      <button class="btn" aria-label=${paused ? 'Go on' : 'Pause'} aria-pressed=${paused} onClick=${() => setPaused(!paused)}><${Icon} name=${paused ? 'play' : 'pause'} /><span class="if-wide">${paused ? 'Go on' : 'Pause'}</span></button></${Bar}>
    <main class="page log-page" id="page" tabindex="-1">
      ${error ? (error.status === 403 ? html`<${Empty} icon="lock" title="For admins only" />` : html`<${Wrong} error=${error} />`) : !all ? html`<${Waiting} />` : html`
      <div class="picker-tools">
        <div class="search-box"><${Icon} name="search" /><input type="search" data-filter placeholder="Filter" aria-label="Filter the log" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></div>
        <div class="segments" role="group" aria-label="Level">${[['all', 'All'], ['warn', 'Warnings'], ['error', 'Errors']].map(([key, word]) => html`<button key=${key} aria-pressed=${level === key} onClick=${() => setLevel(/** @type {any} */ (key))}>${word}</button>`)}</div>
        <button class="btn quiet if-wide" onClick=${() => copy(shown.map((entry) => `${entry.ts} ${entry.level.toUpperCase()} ${entry.text}`).join('\n'))}><${Icon} name="copy" />Copy</button>
      </div>
      <div class="log" ref=${box} tabindex="0" role="log" aria-label="Log" aria-live="off" onScroll=${() => { const el = box.current; if (el) stick.current = el.scrollHeight - el.scrollTop - el.clientHeight < 40; }}>
        ${shown.length === 0 ? html`<${Empty} icon="logs" title=${all.length === 0 ? 'Nothing was said yet' : 'Nothing matches'} />`
          : shown.map((entry, i) => html`<div key=${entry.id ?? `${entry.ts}${i}`} class="log-line ${entry.level.toLowerCase()}"><time class="nums" title=${entry.ts}>${hms(entry.ts)}</time><b>${entry.level.toLowerCase()}</b><span class="wrap">${entry.text}</span></div>`)}
      </div>`}
    </main>`;
}
