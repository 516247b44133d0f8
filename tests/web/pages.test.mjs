// Every page: there, quiet, accessible, and as wide as the screen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { axePath, calm, eventually, Lab, painted, PASSPHRASE, shots } from './lab.mjs';

const axe = readFileSync(axePath, 'utf8');
/** @type {Lab} */
let lab;

before(async () => {
  lab = await Lab.open();
  lab.llmux(['session', 'start', 'demo', '--name', 'planner']);
  lab.llmux(['session', 'start', 'demo', '--name', 'asks']);
  lab.llmux(['session', 'start', 'shell', '--name', 'ended']);
  lab.llmux(['session', 'prompt', 'planner', 'hello there', '--wait']);
  // Enter is what is proven; the answer waits for a person.
  lab.llmux(['session', 'prompt', 'asks', 'please [[ask]]']);
  lab.tmux(['send-keys', '-t', '=ended:', 'exit 3', 'Enter']);
  await eventually('the shell has ended', () => lab.json(['session', 'list']).find((one) => one.name === 'ended').state === 'exited');
  await eventually('the agent asks', () => lab.json(['session', 'list']).find((one) => one.name === 'asks').activity?.state === 'blocked');
});
after(() => lab.close());

const pages = {
  picker: ['/', '.session'], terminal: ['/session/planner', '.term-stage:not(.blank)'], asks: ['/session/asks', '.term-foot .answer'], ended: ['/session/ended', '.term-over'],
  chat: ['/chat/planner', '.said, .empty'], account: ['/account', '.card'], users: ['/admin/users', '.line'], devices: ['/tokens', '.line'], agents: ['/agents', '.agent-card'],
  log: ['/logs', '.log'], settings: ['/settings', '.card'], about: ['/about', '.facts'], login: ['/login', 'form'], setup: ['/setup?token=none', 'form'],
};

for (const look of [{ name: 'desk-light' }, { name: 'desk-dark', dark: true }, { name: 'phone-light', phone: true }, { name: 'phone-dark', phone: true, dark: true }]) {
  test(`every page is quiet, accessible and fits: ${look.name}`, async () => {
    const context = await lab.visitor(look);
    for (const [name, [path, there]] of Object.entries(pages)) {
      const page = await context.newPage();
      await page.goto(path);
      await page.waitForSelector(there);
      await page.waitForTimeout(0);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${name} is ${wide} px too wide`);
      await page.screenshot({ path: join(shots, `${name}-${look.name}.png`) });
      // Our policy allows no script of another's: the test brings its own by another door.
      await page.evaluate(axe);
      const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
      const grave = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join(' | ')}`);
      assert.deepEqual(grave, [], name);
      await page.close();
    }
    calm(context);
    await context.close();
  });
}

test('nothing is cut off on a phone of 360 px', async () => {
  const context = await lab.visitor({ phone: true, width: 360, height: 640 });
  for (const [name, [path, there]] of Object.entries(pages)) {
    const page = await context.newPage();
    await page.goto(path);
    await page.waitForSelector(there);
    const out = await page.evaluate(() => [...document.querySelectorAll('button, a, input, select, textarea, h1')]
      .filter((one) => !one.closest('.keybar-row, .picked-bar, .unseen, .skip, .xterm, [hidden], .md') && one.offsetWidth > 0)
      .map((one) => [one.getBoundingClientRect(), one.outerHTML.slice(0, 90)]).filter(([box]) => box.right > innerWidth + 1 || box.left < -1).map(([, html]) => html));
    assert.deepEqual(out, [], name);
    await page.close();
  }
  await context.close();
});

test('a person signs in, and comes back to where they were going', async () => {
  const context = await lab.visitor({ signedIn: false });
  const page = await context.newPage();
  await page.goto('/session/planner');
  await page.waitForURL(/\/login\?returnTo=/);
  await page.fill('input[type=text]', 'ana');
  await page.fill('input[type=password]', 'not this one');
  await page.click('button.primary');
  await page.waitForSelector('.note.wrong');
  await page.fill('input[type=password]', PASSPHRASE);
  await page.click('button.primary');
  await page.waitForURL(/\/session\/planner$/);
  await painted(page);
  await page.click('[aria-label="Sign out"]');
  // Without a way back: who leaves does not mean to return.
  await page.waitForURL(/\/login$/);
  await context.close();
});

test('a link elsewhere is not followed after signing in', async () => {
  for (const to of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
    const context = await lab.visitor({ signedIn: false });
    const page = await context.newPage();
    await page.goto(`/login?returnTo=${encodeURIComponent(to)}`);
    await page.fill('input[type=text]', 'ana');
    await page.fill('input[type=password]', PASSPHRASE);
    await page.click('button.primary');
    await page.waitForSelector('.shell');
    assert.equal(new URL(page.url()).origin, lab.base);
    await context.close();
  }
});

test('a phone is signed in at the first scan, and the link works once', async () => {
  const desk = await lab.visitor();
  const page = await desk.newPage();
  await page.goto('/tokens');
  await page.click('text=Add a phone');
  await page.fill('dialog input', 'http://box.example:3001');
  await page.click('text=Make the code');
  await page.waitForSelector('img.qr');
  assert.ok(await page.evaluate(async () => { const image = document.querySelector('img.qr'); await image.decode(); return image.naturalWidth > 0; }));
  const link = new URL(await page.textContent('dialog .copyable code'));
  const phone = await lab.visitor({ phone: true, signedIn: false });
  const first = await phone.newPage();
  await first.goto(`/login${link.hash}`);
  await first.waitForSelector('.session');
  assert.equal(new URL(first.url()).hash, '');
  const other = await lab.visitor({ phone: true, signedIn: false });
  const second = await other.newPage();
  await second.goto(`/login${link.hash}`);
  await second.waitForSelector('.note.wrong');
  for (const context of [desk, phone, other]) await context.close();
});

test('a question is answered in the picker, and all pages see it without asking', async () => {
  const context = await lab.visitor();
  const [one, two] = [await context.newPage(), await context.newPage()];
  await one.goto('/');
  await two.goto('/');
  await two.waitForSelector('.answer');
  assert.match(await two.title(), /^\(1\)/);
  await one.click('.answer .btn.primary');
  await two.waitForSelector('.answer', { state: 'detached' });
  await two.waitForFunction(() => !document.title.startsWith('('));
  lab.llmux(['session', 'prompt', 'asks', 'once more [[ask]]']);
  await two.waitForSelector('.answer');
  await context.close();
});

test('a row far below is a link with a name, and is drawn whole when a person comes near', async () => {
  for (let i = 10; i < 40; i += 1) lab.llmux(['session', 'start', 'shell', '--name', `far-${i}`]);
  const context = await lab.visitor({ height: 300 });
  const page = await context.newPage();
  await page.goto('/');
  await page.waitForFunction(() => document.querySelectorAll('.session').length >= 30);
  // The one at the very end: nothing of it is near.
  const name = await page.locator('.session .session-name').last().textContent();
  const row = page.locator('.session').last();
  const link = await row.locator('a.session-link').elementHandle();
  assert.equal(await row.locator('.session-side, .session-where').count(), 0);
  await link.focus();
  await row.locator(`[aria-label="Actions for ${name}"]`).waitFor();
  assert.ok(await link.evaluate((one) => one === document.activeElement), 'it keeps the focus');
  assert.ok(await page.locator('.session .session-side').count() < 35);
  for (let i = 10; i < 40; i += 1) lab.llmux(['session', 'stop', `far-${i}`]);
  calm(context);
  await context.close();
});

test('what happens between the list and the stream is not lost, in the first tab nor in the next', async () => {
  const context = await lab.visitor();
  // Each tab's list is held back while something happens that it does not know of.
  const opened = async (page, name) => {
    await page.route('**/api/sessions', async (route) => {
      const answer = await route.fetch();
      lab.llmux(['session', 'start', 'shell', '--name', name]);
      await route.fulfill({ response: answer });
    }, { times: 1 });
    await page.goto('/');
    await page.waitForSelector(`.session-name:text-is("${name}")`);
  };
  await opened(await context.newPage(), 'gap-1');
  const second = await context.newPage();
  await opened(second, 'gap-2');
  for (const name of ['gap-1', 'gap-2']) lab.llmux(['session', 'stop', name]);
  await second.waitForFunction(() => !document.querySelector('.session-link[href^="/session/gap-"]'));
  calm(context);
  await context.close();
});

test('two tabs go on when the daemon is replaced, and ask for few lists', async () => {
  const context = await lab.visitor();
  const tabs = [await context.newPage(), await context.newPage()];
  let lists = 0;
  for (const tab of tabs) {
    await tab.goto('/');
    await tab.waitForSelector('.session');
    tab.on('request', (request) => { if (new URL(request.url()).pathname === '/api/sessions') lists += 1; });
  }
  await lab.stop();
  await lab.start();
  lab.llmux(['session', 'start', 'shell', '--name', 'after']);
  for (const tab of tabs) await tab.waitForSelector('.session-name:text-is("after")');
  lab.llmux(['session', 'edit', 'after', '--name', 'renamed']);
  for (const tab of tabs) await tab.waitForSelector('.session-name:text-is("renamed")');
  const settled = lists;
  lab.llmux(['session', 'stop', 'renamed']);
  for (const tab of tabs) await tab.waitForSelector('.session-name:text-is("renamed")', { state: 'detached' });
  assert.equal(lists, settled, 'what changes is pushed');
  // Each tab may try while there is no daemon, and again when its stream is told that something was missed.
  assert.ok(lists <= 12, `${lists} lists`);
  await context.close();
});

test('a session is started, edited, stopped and forgotten from the picker', async () => {
  const context = await lab.visitor();
  const page = await context.newPage();
  await page.goto('/');
  await page.click('header .btn.primary');
  await page.selectOption('dialog select >> nth=0', 'demo');
  await page.fill('dialog input[placeholder=demo]', 'made-here');
  await page.click('text=Add a prompt');
  await page.fill('dialog textarea[aria-label="Init prompt 1"]', 'first line\nsecond line');
  await page.click('dialog button[type=submit]');
  await page.waitForURL(/\/session\/made-here$/);
  await painted(page);
  assert.deepEqual(lab.json(['session', 'list']).find((one) => one.name === 'made-here').initPrompts, ['first line\nsecond line']);
  await page.goBack();
  await page.click('[aria-label="Actions for made-here"]');
  await page.click('[role=menuitem]:has-text("Edit")');
  await page.fill('dialog input.mono >> nth=0', 'made-there');
  await page.click('text=Save for the next start');
  await page.waitForSelector('[aria-label="Actions for made-there"]');
  await page.click('[aria-label="Actions for made-there"]');
  await page.click('[role=menuitem]:has-text("Stop")');
  await page.click('dialog .btn.primary');
  await eventually('it is stopped', () => lab.json(['session', 'list']).find((one) => one.name === 'made-there').state === 'exited');
  await page.click('[aria-label="Actions for made-there"]');
  await page.click('[role=menuitem]:has-text("Forget")');
  await page.click('dialog .btn.primary');
  await page.waitForSelector('[aria-label="Actions for made-there"]', { state: 'detached' });
  assert.ok(!lab.json(['session', 'list']).some((one) => one.name === 'made-there'));
  calm(context);
  await context.close();
});

test('the first user is made with the link of the daemon', async () => {
  const fresh = await Lab.open({ users: false });
  try {
    const token = await eventually('the link is printed', () => /setup\?token=([\w-]+)/.exec(fresh.said)?.[1]);
    const context = await fresh.visitor({ signedIn: false });
    const page = await context.newPage();
    await page.goto(`/setup?token=${token}`);
    for (const [i, text] of ['Ana', 'ana', PASSPHRASE, PASSPHRASE].entries()) await page.fill(`input >> nth=${i}`, text);
    await page.click('button.primary');
    await page.waitForSelector('text=No sessions yet');
    await page.click('main .btn.primary');
    await page.selectOption('dialog select >> nth=0', 'demo');
    await page.click('dialog button[type=submit]');
    await painted(page);
    await page.fill('[data-composer]', 'hello');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.turn.over');
    calm(context);
  } finally {
    await fresh.close();
  }
});
