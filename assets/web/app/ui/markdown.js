// What an agent writes, as a person likes to read it. It stays text: no HTML of its own, no scripts, no images from
// elsewhere, links to the web and to mail only.
import { DOMPurify, Marked } from '../../vendor/markdown.js';
import hljs from '../../vendor/highlight.js';

const escapes = /** @type {Record<string, string>} */ ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' });
/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"']/g, (sign) => escapes[sign]);

const LONGEST_TO_COLOUR = 60_000;

const marked = new Marked({
  gfm: true, breaks: true,
  renderer: {
    // Markup in the source is shown, not obeyed.
    html: ({ text }) => escaped(text),
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    code: ({ text, lang }) => {
      const language = (lang ?? '').trim().split(/\s/)[0].toLowerCase();
      const known = hljs.getLanguage(language) && text.length < LONGEST_TO_COLOUR;
      const body = known ? hljs.highlight(text, { language, ignoreIllegals: true }).value : escaped(text);
      return `<pre data-lang="${escaped(language)}"><code>${body}</code></pre>`;
    },
  },
});

const purify = DOMPurify(window);
purify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName !== 'A') return;
  node.setAttribute('target', '_blank');
  node.setAttribute('rel', 'noopener noreferrer nofollow');
});
const rules = {
  ALLOWED_TAGS: ['p', 'br', 'strong', 'em', 'del', 'code', 'pre', 'span', 'a', 'ul', 'ol', 'li', 'blockquote', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'input'],
  ALLOWED_ATTR: ['href', 'class', 'data-lang', 'start', 'align', 'type', 'checked', 'disabled'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ADD_URI_SAFE_ATTR: ['data-lang', 'start', 'align', 'type', 'checked', 'disabled'],
  RETURN_DOM_FRAGMENT: true,
};

/** @param {string} text @returns {DocumentFragment} */
export function rendered(text) {
  const made = /** @type {DocumentFragment} */ (/** @type {unknown} */ (purify.sanitize(/** @type {string} */ (marked.parse(text, { async: false })), rules)));
  for (const field of made.querySelectorAll('input')) {
    if (field.type === 'checkbox') field.setAttribute('aria-label', field.checked ? 'done' : 'to do');
    else field.remove();
  }
  for (const table of made.querySelectorAll('table')) {
    const box = document.createElement('div');
    box.className = 'table-box';
    table.replaceWith(box);
    box.append(table);
  }
  return made;
}
