// One turn of a conversation.
import { html, useLayoutEffect, useMemo, useRef } from '../../vendor/preact.js';
import { date, hms } from '../time.js';
import { Icon } from '../ui/icon.js';
import { rendered } from '../ui/markdown.js';
import { copy } from '../ui/parts.js';
import { Pictures } from './pictures.js';

/** @typedef {import('../types').TranscriptTurn} TranscriptTurn */
/** @typedef {import('../types').Part} Part */

/** @param {{ text: string }} props */
function Markdown({ text }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const made = rendered(text);
    for (const block of made.querySelectorAll('pre')) {
      const button = document.createElement('button');
      button.className = 'btn quiet copy-code';
      button.textContent = 'Copy';
      button.onclick = () => copy(block.querySelector('code')?.textContent ?? '');
      block.append(button);
    }
    box.current?.replaceChildren(made);
  }, [text]);
  return html`<div class="md" ref=${box}></div>`;
}

/** What a tool was given, in a line. @param {unknown} input */
function gist(input) {
  if (typeof input === 'string') return input;
  if (input === null || typeof input !== 'object') return '';
  const fields = /** @type {Record<string, unknown>} */ (input);
  const told = ['command', 'file_path', 'path', 'pattern', 'query', 'url', 'description', 'prompt'].map((key) => fields[key]).find((value) => typeof value === 'string' || Array.isArray(value));
  const text = Array.isArray(told) ? told.join(' ') : told ?? Object.values(fields).find((value) => typeof value === 'string') ?? '';
  return String(text);
}

/** @param {{ use: Extract<Part, { kind: 'tool_use' }>, result?: Extract<Part, { kind: 'tool_result' }> }} props */
export function Tool({ use, result }) {
  const given = typeof use.input === 'string' ? use.input : JSON.stringify(use.input, null, 2);
  return html`<details class="tool ${result?.isError ? 'wrong' : ''}">
    <summary><span class="tool-state">${result ? html`<${Icon} name=${result.isError ? 'close' : 'check'} label=${result.isError ? 'failed' : 'done'} />` : html`<span class="state busy"></span>`}</span>
      <b>${use.name}</b><code class="clip">${gist(use.input).split('\n')[0]}</code></summary>
    <pre tabindex="0">${given}</pre>${result && html`<pre tabindex="0" class=${result.isError ? 'wrong' : ''}>${result.text || '(nothing)'}</pre>`}
  </details>`;
}

/** @param {{ turn: TranscriptTurn, results: Map<string, Extract<Part, { kind: 'tool_result' }>>, uses: Set<string> }} props */
export function Bubble({ turn, results, uses }) {
  const parts = turn.parts.filter((part) => !(part.kind === 'tool_result' && part.forId && uses.has(part.forId)) && !(part.kind === 'text' && part.text.trim() === ''));
  const said = useMemo(() => turn.parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join('\n\n'), [turn]);
  if (parts.length === 0) return null;
  return html`<article class="said ${turn.role}" aria-label=${turn.role === 'user' ? 'You' : turn.role === 'assistant' ? 'Agent' : turn.role}>
    ${parts.map((part, i) => part.kind === 'text'
      ? (turn.role === 'user' ? html`<div class="plain wrap" key=${i}>${part.text}</div>` : html`<${Markdown} key=${i} text=${part.text} />`)
      : part.kind === 'tool_use' ? html`<${Tool} key=${i} use=${part} result=${part.id ? results.get(part.id) : undefined} />`
      : html`<details class="tool ${part.isError ? 'wrong' : ''}" key=${i}><summary><b>Result</b><code class="clip">${part.text.split('\n')[0]}</code></summary><pre tabindex="0">${part.text}</pre></details>`)}
    <${Pictures} text=${said} />
    ${said && html`<div class="said-foot"><time class="nums" datetime=${turn.ts} title=${date(turn.ts)}>${hms(turn.ts)}</time>
      <button class="btn quiet icon-only" aria-label="Copy" title="Copy" onClick=${() => copy(said)}><${Icon} name="copy" /></button></div>`}
  </article>`;
}
