// How fast the pages are: `node tests/web/numbers.mjs [SESSIONS]`, with LLMUX_BIN at a release build. It asserts nothing.
import { Lab, painted, eventually } from './lab.mjs';

const count = Number(process.argv[2] ?? 200);
const KEYS = 200;

/** @param {string} what @param {number[]} all */
function tell(what, all) {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))].toFixed(1);
  console.log(`${what.padEnd(54)} p50 ${at(0.5).padStart(7)} ms   p99 ${at(0.99).padStart(7)} ms   n ${all.length}`);
}

const lab = await Lab.open();
try {
  for (let i = 0; i < count; i += 1) lab.llmux(['session', 'start', 'shell', '--name', `s-${i}`]);
  const context = await lab.visitor();

  const firsts = [];
  const lists = [];
  for (let i = 0; i < 10; i += 1) {
    const page = await context.newPage();
    await page.goto('/');
    const [first, all] = await page.evaluate((wanted) => new Promise((resolve) => {
      let begun = 0;
      const look = () => {
        const rows = document.querySelectorAll('.session').length;
        if (document.querySelectorAll('.session-side').length > innerHeight / 62) begun ||= performance.now();
        if (rows >= wanted) resolve([begun, performance.now()]);
        else requestAnimationFrame(look);
      };
      look();
    }), count);
    firsts.push(first);
    lists.push(all);
    await page.close();
  }
  tell(`picker with ${count} sessions, from navigation to a screen of rows`, firsts);
  tell(`picker with ${count} sessions, from navigation to all rows`, lists);

  const page = await context.newPage();
  /** @type {Map<string, number>} */
  const scripts = new Map();
  const urls = new Map();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  devtools.on('Network.responseReceived', ({ requestId, type, response }) => { if (type === 'Script') urls.set(requestId, response.url); });
  devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => { if (urls.has(requestId)) scripts.set(urls.get(requestId), encodedDataLength); });
  await page.goto('/');
  await page.waitForSelector('.session');

  for (let i = 0; i < 10; i += 1) lab.llmux(['session', 'start', 'demo', '--name', `works-${i}`]);
  await devtools.send('Performance.enable');
  const busy = async () => (await devtools.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0;
  const [from, began] = [await busy(), Date.now()];
  let prompts = 0;
  for (; Date.now() - began < 15_000; prompts += 1) {
    lab.llmux(['session', 'prompt', `works-${prompts % 10}`, 'hello', '--async']);
    await page.waitForTimeout(Math.max(0, began + prompts * 100 - Date.now()));
  }
  const spent = (await busy() - from) / ((Date.now() - began) / 1000);
  console.log(`picker with ${count} sessions, ${(2000 * prompts / (Date.now() - began)).toFixed(0)} changes a second: ${(100 * spent).toFixed(1)} % of a core`);

  const opened = [];
  for (let i = 0; i < Math.min(20, count); i += 1) {
    opened.push(await page.evaluate((name) => new Promise((resolve) => {
      const from = performance.now();
      delete window.llmuxViewer;
      /** @type {HTMLElement} */ (document.querySelector(`.side-item[href="/session/${name}"]`)).click();
      const look = () => (window.llmuxViewer?.painted.peek() ? resolve(performance.now() - from) : requestAnimationFrame(look));
      look();
    }), `s-${i}`));
  }
  tell('terminal, from a tap to its first paint', opened.slice(1));
  console.log(`scripts of the picker and the terminal, over the wire: ${([...scripts.values()].reduce((sum, size) => sum + size, 0) / 1024).toFixed(0)} KiB`);

  await page.goto('/session/s-0');
  await painted(page);
  await page.click('.xterm-screen');
  await eventually('the size is settled', () => page.evaluate(() => window.llmuxViewer.mine));
  await page.evaluate(() => {
    window.keyTimes = [];
    let from = 0;
    addEventListener('keydown', () => { from = performance.now(); }, { capture: true });
    const { term } = window.llmuxViewer.screen;
    let column = term.buffer.active.cursorX;
    term.onRender(() => {
      const now = term.buffer.active.cursorX;
      if (from > 0 && now !== column) { window.keyTimes.push(performance.now() - from); from = 0; }
      column = now;
    });
  });
  for (let i = 0; i < KEYS; i += 1) {
    if (i % 50 === 49) await page.keyboard.press('Enter');
    else await page.keyboard.press('x');
    await page.waitForTimeout(20 + Math.random() * 30);
  }
  tell('key to its glyph', await page.evaluate(() => window.keyTimes));
} finally {
  await lab.close();
}
