// Takes the pictures in assets/screenshots: `node tests/web/screenshots.mjs [PAGE,..]`. Every page on a desk and on a phone, in a house where nothing is
// named after the machine. ImageMagick makes the files small.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { eventually, Lab, painted, root, shots } from './lab.mjs';

const out = join(root, 'assets/screenshots');
const lab = await Lab.open();

/** A page as it looks in anybody's home. @param {import('playwright-core').Page} page */
const plain = (page) => page.evaluate(([words]) => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) for (const [from, to] of words) walk.currentNode.nodeValue = walk.currentNode.nodeValue.replaceAll(from, to);
}, [[[lab.env.HOME, '/home/ana'], [lab.env.XDG_STATE_HOME, '/home/ana/.local/state'], [lab.home, '/home/ana'], [`127.0.0.1:${lab.port}`, '127.0.0.1:3001'], [hostname(), 'box']]]);

const only = process.argv[2]?.split(',');
const pages = {
  picker: ['/', '.answer'], terminal: ['/session/coder', '.term-stage:not(.blank)'], question: ['/session/reviewer', '.term-foot .answer'], chat: ['/chat/planner', '.said.assistant'],
  ended: ['/session/build', '.term-over'], start: ['/?new=1', 'dialog option'], agents: ['/agents', '.agent-card'], devices: ['/tokens', '.line'], users: ['/admin/users', '.line'],
  log: ['/logs', '.log-line'], settings: ['/settings', 'h2:text("Active overrides")'], account: ['/account', '.card'], about: ['/about', '.facts'], login: ['/login', 'form'], setup: ['/setup?token=none', 'form'],
};

try {
  const config = join(lab.env.HOME, '.config/llmux');
  mkdirSync(config, { recursive: true });
  mkdirSync(join(lab.env.HOME, 'projects/app'), { recursive: true });
  writeFileSync(join(config, 'config.yaml'), '# What all sessions have in common.\nagents:\n  demo:\n    models: [small, large]\nretention: { turns: 1000, days: 90 }\n');
  await eventually('the configuration is in effect', () => lab.json(['settings', 'show']).yamlText !== '');
  const start = (agent, name) => lab.llmux(['session', 'start', agent, '--name', name, '--cwd', '~/projects/app', '--skip-init']);
  for (const name of ['planner', 'reviewer', 'coder', 'docs']) start('demo', name);
  start('shell', 'build');
  // So much that what an agent says of its own folder is out of sight.
  for (const [name, prompt] of [['coder', 'Read the parser'], ['reviewer', 'List what has changed']]) lab.llmux(['session', 'prompt', name, `${prompt} [[lines=60]]`, '--wait']);
  lab.llmux(['session', 'prompt', 'planner', 'Plan the release: what is left to do?', '--wait']);
  lab.llmux(['session', 'prompt', 'planner', 'And who does it? [[lines=4]]', '--wait']);
  lab.llmux(['session', 'prompt', 'docs', 'Explain the configuration in ten lines', '--wait']);
  lab.llmux(['session', 'prompt', 'coder', '--async', 'Write the tests for the parser [[hang]]']);
  lab.llmux(['session', 'prompt', 'reviewer', '--async', 'Review the last change [[ask]]']);
  lab.tmux(['send-keys', '-t', '=build:', 'exit 2', 'Enter']);
  const state = (name) => lab.json(['session', 'list']).find((one) => one.name === name);
  await eventually('all is as it is to be', () => state('build').state === 'exited' && state('reviewer').activity?.state === 'blocked' && state('coder').activity?.state === 'busy');
  // The commands above have kept this process from noticing that the daemon has closed an idle connection.
  await new Promise((resolve) => { setTimeout(resolve, 50); });
  await fetch(`${lab.base}/api/settings/init-prompts`, {
    method: 'PUT', headers: { 'content-type': 'application/json', authorization: `Bearer ${await lab.sign()}` },
    body: JSON.stringify({ initPrompts: ['You work in ~/projects/app.\nRun the tests before you say that you are done.'] }),
  });
  for (const [size, how] of [['1440x900', { dark: true }], ['390x844', { phone: true, dark: true }]]) {
    const context = await lab.visitor(how);
    for (const [name, [path, there]] of Object.entries(pages).filter(([name]) => only?.includes(name) ?? true)) {
      const page = await context.newPage();
      await page.goto(path);
      await page.waitForSelector(there, { state: 'attached' });
      if (name === 'terminal' || name === 'question') await painted(page);
      await page.evaluate(() => document.fonts.ready);
      await plain(page);
      const raw = join(shots, `${name}-${size}.png`);
      await page.screenshot({ path: raw, animations: 'disabled' });
      execFileSync('convert', [raw, '-strip', '-colors', '128', '-define', 'png:compression-level=9', `PNG8:${join(out, `${name}-${size}.png`)}`]);
      console.log(`${name}-${size}.png ${readFileSync(join(out, `${name}-${size}.png`)).length >> 10} KiB`);
      await page.close();
    }
    await context.close();
  }
} finally {
  await lab.close();
}
