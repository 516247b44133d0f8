// xterm.js writes <style> elements, which our Content-Security-Policy forbids. Each gets a constructed sheet in place of
// its text: the same rules, by a way that the policy allows.

let done = false;

export function allowStyles() {
  if (done) return;
  done = true;
  const create = document.createElement.bind(document);
  /** @param {string} tag @param {any} [options] */
  const patched = (tag, options) => {
    if (tag !== 'style') return create(tag, options);
    // Even an empty <style> would be a violation: something else stands in its place.
    const element = create('meta');
    const sheet = new CSSStyleSheet();
    document.adoptedStyleSheets.push(sheet);
    const remove = element.remove.bind(element);
    Object.defineProperties(element, {
      textContent: { set: (/** @type {string} */ css) => { sheet.replaceSync(css); }, get: () => '' },
      innerHTML: { set: (/** @type {string} */ css) => { sheet.replaceSync(css); }, get: () => '' },
      remove: { value: () => { document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet); remove(); } },
    });
    return element;
  };
  document.createElement = /** @type {any} */ (patched);
}
