// Builds assets/web/vendor from the pinned packages: one minified ES module each, and the licences.
// `node tests/web/vendor.mjs` writes them, `--check` says whether what is in the tree is what the packages give.
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync, readdirSync, writeFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const root = fileURLToPath(new URL('../..', import.meta.url));
const home = join(root, 'target/web-node');
const out = join(root, 'assets/web/vendor');
const require = createRequire(join(home, 'package.json'));
const esbuild = require('esbuild');

const languages = ['bash', 'c', 'cpp', 'css', 'diff', 'go', 'ini', 'java', 'javascript', 'json', 'markdown', 'python',
  'ruby', 'rust', 'sql', 'typescript', 'xml', 'yaml'];

/** What each module exports, and the packages it is made of. */
const bundles = {
  preact: {
    of: ['preact', 'htm', '@preact/signals', '@preact/signals-core'],
    source: `
      import { h } from 'preact';
      import htm from 'htm';
      export { h, render, Fragment, createContext } from 'preact';
      export { useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback, useContext, useErrorBoundary } from 'preact/hooks';
      export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect } from '@preact/signals';
      export const html = htm.bind(h);`,
  },
  xterm: {
    of: ['@xterm/xterm', '@xterm/addon-fit', '@xterm/addon-search', '@xterm/addon-unicode-graphemes',
      '@xterm/addon-web-links'],
    source: `
      export { Terminal } from '@xterm/xterm';
      export { FitAddon } from '@xterm/addon-fit';
      export { SearchAddon } from '@xterm/addon-search';
      export { UnicodeGraphemesAddon } from '@xterm/addon-unicode-graphemes';
      export { WebLinksAddon } from '@xterm/addon-web-links';`,
  },
  'xterm-webgl': { of: ['@xterm/addon-webgl'], source: `export { WebglAddon } from '@xterm/addon-webgl';` },
  markdown: {
    of: ['marked', 'dompurify'],
    source: `export { Marked } from 'marked'; export { default as DOMPurify } from 'dompurify';`,
  },
  highlight: {
    of: ['highlight.js'],
    source: `import hljs from 'highlight.js/lib/core';\n`
      + languages.map((name) => `import ${name} from 'highlight.js/lib/languages/${name}';`).join('\n')
      + `\nfor (const [name, grammar] of Object.entries({ ${languages.join(', ')} })) hljs.registerLanguage(name, grammar);`
      + `\nexport default hljs;`,
  },
};

/** @param {string} name */
function licence(name) {
  const dir = join(home, 'node_modules', name);
  const about = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const files = readdirSync(dir).filter((file) => /^licen[sc]e/i.test(file));
  // A package of a workspace carries its licence in the main one.
  const text = files.length > 0 ? readFileSync(join(dir, files[0]), 'utf8')
    : name.startsWith('@xterm/') ? readFileSync(join(home, 'node_modules/@xterm/xterm/LICENSE'), 'utf8') : '';
  if (text === '') throw new Error(`no licence text in ${name}`);
  return `${name} ${about.version} (${about.license})\n\n${text.trim()}\n`;
}

/** @returns {Promise<Map<string, string>>} */
async function build() {
  const files = new Map();
  for (const [name, { source }] of Object.entries(bundles)) {
    const made = await esbuild.build({
      stdin: { contents: source, resolveDir: home },
      bundle: true, minify: true, format: 'esm', target: 'es2022', write: false, legalComments: 'none',
    });
    files.set(`${name}.js`, made.outputFiles[0].text);
  }
  files.set('xterm.css', readFileSync(join(home, 'node_modules/@xterm/xterm/css/xterm.css'), 'utf8'));
  const all = [...new Set(Object.values(bundles).flatMap(({ of }) => of))].sort();
  files.set('LICENSES.txt', all.map(licence).join(`\n${'-'.repeat(80)}\n\n`));
  return files;
}

const files = await build();
const check = process.argv.includes('--check');
mkdirSync(out, { recursive: true });
let stale = 0;
for (const [name, text] of files) {
  const path = join(out, name);
  if (check) {
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    console.error(`assets/web/vendor/${name} is not what the pinned packages give: node tests/web/vendor.mjs`);
    stale += 1;
  } else {
    writeFileSync(path, text);
  }
}
process.exit(stale > 0 ? 1 : 0);
