// The terminal: what is typed arrives, what is there is drawn, and looking changes nothing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { calm, drawn, eventually, Lab, painted } from './lab.mjs';

/** @type {Lab} */
let lab;

before(async () => { lab = await Lab.open(); });
after(() => lab.close());

async function shell(name) {
  lab.llmux(['session', 'start', 'shell', '--name', name]);
  await eventually('a prompt', () => lab.screen(name).some((row) => row.startsWith('$')));
}

async function open(context, name) {
  const page = await context.newPage();
  await page.goto(`/session/${name}`);
  await painted(page);
  return page;
}

/** The page shows what tmux has. */
const same = (page, name) => eventually(`the page shows what tmux has of ${name}`, async () => {
  const [ours, theirs] = [await drawn(page), lab.screen(name)];
  return JSON.stringify(ours) === JSON.stringify(theirs) || Promise.reject(new Error(`\n${ours.join('\n')}\n--- tmux:\n${theirs.join('\n')}`));
});

test('keys go to the program, and its echo is drawn', async () => {
  await shell('typed');
  const context = await lab.visitor();
  const page = await open(context, 'typed');
  await page.click('.xterm-screen');
  await page.keyboard.type("echo 'a|b' ~ \\\\ é");
  await page.keyboard.press('Enter');
  await eventually('the echo', async () => (await drawn(page)).includes(`a|b ${lab.env.HOME} \\ é`));
  await same(page, 'typed');
  calm(context);
  await context.close();
});

test('what a keyboard composes arrives once and whole', async () => {
  await shell('composed');
  const context = await lab.visitor({ phone: true });
  const page = await open(context, 'composed');
  await page.click('[aria-label="Type keys instead"]');
  await page.focus('input.live');
  const keyboard = await context.newCDPSession(page);
  // As GBoard does it: the word grows, is replaced by a suggestion, and is then committed.
  for (const [text, word] of [['echo ', ['e', 'ec', 'ech', 'echo']], ['naïve ', ['n', 'na', 'nai', 'naiv', 'naive', 'naïve']], ['日本語', ['に', 'にほ', '日本', '日本語']]]) {
    for (const part of word) await keyboard.send('Input.imeSetComposition', { text: part, selectionStart: part.length, selectionEnd: part.length });
    await keyboard.send('Input.insertText', { text });
  }
  await page.keyboard.press('Enter');
  await eventually('the line', () => lab.screen('composed').includes('naïve 日本語'));
  assert.ok(lab.screen('composed').includes('$ echo naïve 日本語'), lab.screen('composed').join('\n'));
  calm(context);
  await context.close();
});

test('sticky modifiers and the keys above the keyboard', async () => {
  await shell('soft');
  const context = await lab.visitor({ phone: true });
  const page = await open(context, 'soft');
  await page.click('[aria-label="Type keys instead"]');
  await page.focus('input.live');
  await page.keyboard.type('cat');
  await page.click('.softkey[aria-label=Enter]');
  await page.click('.softkey[aria-label=Tab]');
  await page.click('.softkey[aria-label=Esc]');
  await page.click('.softkey[aria-label=Up]');
  await eventually('what cat is given', () => lab.screen('soft').some((row) => row.includes('^[^[[A')));
  await page.click('.softkey.mod:has-text("Ctrl")');
  await page.keyboard.type('c');
  await eventually('a new prompt', () => lab.screen('soft').at(-1) === '$');
  assert.equal(await page.getAttribute('.softkey.mod:has-text("Ctrl")', 'aria-pressed'), 'false');
  await context.close();
});

test('50 cuts of the connection lose nothing', async () => {
  await shell('cut');
  const context = await lab.visitor();
  const page = await open(context, 'cut');
  await page.click('.xterm-screen');
  await page.keyboard.type('i=0; while [ $i -lt 4000 ]; do echo "line $i"; i=$((i+1)); [ $((i % 20)) -eq 0 ] && sleep 0.02; done; echo all', { delay: 0 });
  await page.keyboard.press('Enter');
  for (let cut = 0; cut < 50; cut += 1) {
    await page.waitForFunction(() => window.llmuxViewer.socket.isOpen);
    await page.evaluate((wait) => new Promise((resolve) => { setTimeout(() => { window.llmuxViewer.socket.open(); resolve(); }, wait); }), Math.floor(Math.random() * 60));
  }
  await eventually('the end', () => lab.screen('cut').includes('all'));
  await same(page, 'cut');
  calm(context);
  await context.close();
});

test('the daemon goes and comes back: the page goes on by itself', async () => {
  await shell('returns');
  const context = await lab.visitor();
  const page = await open(context, 'returns');
  await lab.stop();
  await page.waitForSelector('.link.lost');
  lab.tmux(['send-keys', '-t', '=returns:', 'echo while away', 'Enter']);
  await lab.start();
  await page.waitForSelector('.link.live');
  await eventually('what was missed', async () => (await drawn(page)).includes('while away'));
  await context.close();
});

test('twenty viewers of mixed sizes leave the size alone', async () => {
  await shell('watched');
  const context = await lab.visitor();
  const first = await open(context, 'watched');
  await eventually('the first one holds the size', () => first.evaluate(() => window.llmuxViewer.mine));
  const { cols, rows: high } = await first.evaluate(() => window.llmuxViewer.screen.wanted());
  await eventually('it is fitted', () => lab.size('watched') === `${cols}x${high}`);
  const others = [];
  for (let i = 0; i < 19; i += 1) {
    const page = await context.newPage();
    await page.setViewportSize({ width: 400 + 60 * i, height: 500 + 20 * i });
    await page.goto('/session/watched');
    others.push(page);
  }
  for (const page of others) await painted(page);
  await eventually('all of them are counted', () => first.evaluate(() => window.llmuxViewer.viewers.value === 20));
  for (const page of others.slice(0, 5)) {
    await page.setViewportSize({ width: 700, height: 700 });
    await page.evaluate(() => window.llmuxViewer.socket.open());
    await page.waitForFunction(() => window.llmuxViewer.socket.isOpen);
  }
  for (const page of others.slice(5)) await page.close();
  await eventually('they have left', () => first.evaluate(() => window.llmuxViewer.viewers.value === 6));
  assert.equal(lab.size('watched'), `${cols}x${high}`);
  await others[0].click('.size-note .btn');
  await eventually('the button takes the size', () => lab.size('watched') !== `${cols}x${high}`);
  await first.waitForSelector('.size-note');
  await context.close();
});

test('wide and combined characters stand where tmux has them', async () => {
  await shell('wide');
  writeFileSync(join(lab.env.HOME, 'wide.txt'), ['|日本語|한국어|', '|👍|❤️|👩‍💻|🇩🇪|', '|e\u0301|क्षि|', '┌──┬──┐', '│ab│cd│', '└──┴──┘'].join('\n') + '\n');
  const context = await lab.visitor();
  const page = await open(context, 'wide');
  lab.tmux(['send-keys', '-t', '=wide:', 'clear; cat wide.txt', 'Enter']);
  await eventually('it is printed', () => lab.screen('wide').includes('└──┴──┘'));
  await same(page, 'wide');
  const cursors = lab.tmux(['display-message', '-p', '-t', '=wide:', '#{cursor_x},#{cursor_y}']).trim();
  await eventually('the cursor is there', async () => (await page.evaluate(() => { const buffer = window.llmuxViewer.screen.term.buffer.active; return `${buffer.cursorX},${buffer.cursorY}`; })) === cursors);
  await context.close();
});

test('hostile output stays text', async () => {
  await shell('hostile');
  writeFileSync(join(lab.env.HOME, 'hostile.txt'), [
    '<script>window.pwned = 1</script><img src=x onerror="window.pwned = 1">', '\x1b]0;<img src=x onerror=window.pwned=1>\x07', '\x1b]52;c;cHduZWQ=\x07',
    '\x1b]8;;javascript:window.pwned=1\x07a trap\x1b]8;;\x07', '\x1b[c\x1b[6n\x1b]11;?\x07', 'end of it',
  ].join('\n') + '\n');
  const context = await lab.visitor();
  const page = await open(context, 'hostile');
  lab.tmux(['send-keys', '-t', '=hostile:', 'clear; cat hostile.txt', 'Enter']);
  await eventually('it is drawn', async () => (await drawn(page)).includes('end of it'));
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.equal(await page.locator('img').count(), 0);
  // tmux has answered the question of what terminal this is, once; the page answers nothing.
  await same(page, 'hostile');
  assert.equal(lab.screen('hostile').join('').split('[?1;2c').length, 2);
  assert.ok(!lab.screen('hostile').join('').includes(']11;'));
  calm(context);
  await context.close();
});

test('read-only types nothing', async () => {
  await shell('looked-at');
  const context = await lab.visitor();
  const page = await open(context, 'looked-at');
  await page.click('[aria-label=More]');
  await page.click('[role=menuitem]:has-text("Read-only")');
  await page.click('.xterm-screen');
  await page.keyboard.type('echo no');
  await page.waitForSelector('.toast');
  await page.click('.locked');
  await page.click('.xterm-screen');
  await page.keyboard.type('echo yes');
  await eventually('what was typed after', () => lab.screen('looked-at').at(-1) === '$ echo yes');
  await context.close();
});

test('a prompt shows its stages and its end; a file is sent and named', async () => {
  lab.llmux(['session', 'start', 'demo', '--name', 'prompted']);
  const context = await lab.visitor();
  const page = await open(context, 'prompted');
  await page.fill('[data-composer]', 'two lines\nof a prompt');
  await page.click('[aria-label=Send]');
  await page.waitForSelector('.turn.over');
  assert.equal(lab.json(['session', 'turns', 'prompted']).length, 1);
  await page.setInputFiles('input[type=file]', { name: 'notes & more.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') });
  await eventually('the path is in the prompt', async () => /\.llmux-uploads\/notes_more\.txt $/.test(await page.inputValue('[data-composer]')) || /\.llmux-uploads\/\S+ $/.test(await page.inputValue('[data-composer]')));
  calm(context);
  await context.close();
});

test('the keyboard of a phone hides neither the prompt nor changes the size', async () => {
  await shell('covered');
  const context = await lab.visitor({ phone: true });
  const page = await open(context, 'covered');
  await eventually('it holds the size', () => page.evaluate(() => window.llmuxViewer.mine));
  const before = lab.size('covered');
  await page.click('[data-composer]');
  await page.setViewportSize({ width: 390, height: 510 });
  await page.waitForSelector('html.keyboard');
  const field = await page.locator('[data-composer]').boundingBox();
  assert.ok(field.y + field.height <= 510, `the field ends at ${field.y + field.height}`);
  // What a person types now claims the size, and it is the same.
  await page.click('[aria-label="Type keys instead"]');
  await page.focus('input.live');
  await page.keyboard.type('echo here');
  await eventually('what was typed', () => lab.screen('covered').at(-1) === '$ echo here');
  assert.equal(lab.size('covered'), before);
  await context.close();
});
