// What pages change of the daemon, and how they tell a person who is not there.
import assert from 'node:assert/strict';
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { calm, drawn, eventually, Lab, painted } from './lab.mjs';

/** @type {Lab} */
let lab;
/** @type {string} */
let base;
const overlay = () => join(lab.env.HOME, '.config/llmux/overrides.yaml');

before(async () => {
  lab = await Lab.open();
  base = join(lab.env.HOME, '.config/llmux/config.yaml');
  mkdirSync(join(lab.env.HOME, '.config/llmux'), { recursive: true });
  writeFileSync(base, 'initPrompts: [base]\nnotifications: {services: ["127.0.0.1"]}\n');
  await eventually('the configuration is in effect', () => lab.json(['settings', 'show']).daemonInitPrompts.length === 1);
  lab.llmux(['session', 'start', 'demo', '--name', 'asks', '--skip-init']);
});
after(() => lab.close());

test('settings are changed in an overlay, shown as they stand there, and taken back', async () => {
  const before = readFileSync(base, 'utf8');
  const context = await lab.visitor();
  const page = await context.newPage();
  await page.goto('/settings');
  const init = page.locator('section.card:has(h2:text("Init prompts"))');
  await init.locator('textarea').fill('first line\n  second line');
  await init.locator('text=Add a prompt').click();
  await init.locator('textarea >> nth=1').fill('another');
  await init.locator('text=Save').click();
  await page.waitForSelector('.pill:has-text("overlay active")');
  const order = page.locator('section.card:has(h2:text("Turn order"))');
  await order.locator('input[type=checkbox]').check();
  await order.locator('input[type=number]').fill('30');
  await order.locator('text=Save').click();
  await eventually('both are in the file', () => /maxHoldMs: 30000/.test(readFileSync(overlay(), 'utf8')));
  const shown = page.locator('section.card:has(h2:text("Active overrides")) pre');
  await eventually('it is shown as it is', async () => (await shown.textContent()) === readFileSync(overlay(), 'utf8'));
  const now = lab.json(['settings', 'show']);
  assert.deepEqual(now.daemonInitPrompts, ['first line\n  second line', 'another']);
  assert.deepEqual([now.turnq.enabled, now.turnq.maxHoldMs], [true, 30000]);
  assert.equal(readFileSync(base, 'utf8'), before);
  // Saving without a change is not offered: nothing is pinned by looking at it.
  assert.ok(await init.locator('text=Save').isDisabled());
  await page.click('text=Take it back');
  await page.click('dialog .btn.primary');
  await page.waitForSelector('.pill:has-text("overlay active")', { state: 'detached' });
  assert.ok(!existsSync(overlay()));
  assert.equal(await init.locator('textarea').inputValue(), 'base');
  calm(context);
  await context.close();
});

test('a refusal is shown, and nothing is written', async () => {
  const context = await lab.visitor();
  const page = await context.newPage();
  await page.goto('/settings');
  const order = page.locator('section.card:has(h2:text("Turn order"))');
  await order.locator('input[type=checkbox]').check();
  await order.locator('input[type=url]').fill('https://user:secret@example.org');
  await order.locator('text=Save').click();
  await page.waitForSelector('.toast.wrong');
  assert.ok(!existsSync(overlay()));
  await context.close();
});

test('a broken configuration is said on the page', async () => {
  writeFileSync(base, 'initPromts: [base]\n');
  const context = await lab.visitor();
  const page = await context.newPage();
  await eventually('it is said', async () => {
    await page.goto('/settings');
    await page.waitForSelector('.facts');
    return (await page.locator('.note.warn').allTextContents()).some((text) => text.includes('config.yaml:1:1'));
  });
  writeFileSync(base, 'initPrompts: [base]\nnotifications: {services: ["127.0.0.1"]}\n');
  await eventually('it is mended', () => lab.json(['settings', 'show']).warnings.length === 0);
  await context.close();
});

test('folders are completed as they are typed', async () => {
  mkdirSync(join(lab.env.HOME, 'projects/app'), { recursive: true });
  mkdirSync(join(lab.env.HOME, 'projects/api'), { recursive: true });
  const context = await lab.visitor();
  const page = await context.newPage();
  await page.goto('/?new=1');
  await page.fill('dialog input[list=folders]', '~/projects/a');
  await eventually('they are offered', async () => {
    const offered = await page.locator('#folders option').evaluateAll((all) => all.map((one) => one.value));
    return offered.includes('~/projects/api') && offered.includes('~/projects/app');
  });
  calm(context);
  await context.close();
});

test('the picker shows who looks, and what is stored', async () => {
  lab.llmux(['session', 'start', 'demo', '--name', 'looked-at', '--skip-init']);
  lab.llmux(['session', 'prompt', 'looked-at', 'remember the milk', '--wait']);
  const context = await lab.visitor();
  const [picker, terminal] = [await context.newPage(), await context.newPage()];
  await picker.goto('/');
  const row = picker.locator('li.session:has-text("looked-at")');
  await terminal.goto('/session/looked-at');
  await painted(terminal);
  await eventually('one looks', async () => (await row.locator('.watched').textContent()) === '1');
  await eventually('its conversation has a name', async () => /remember the milk/.test(await row.locator('.talk').textContent()));
  await row.locator('.stored').click();
  await picker.waitForSelector('dialog .choice');
  await terminal.close();
  await eventually('nobody looks', async () => (await row.locator('.watched').count()) === 0);
  calm(context);
  await context.close();
});

test('a picture that was sent is shown, small and large', async () => {
  lab.llmux(['session', 'start', 'demo', '--name', 'pictured', '--skip-init']);
  const context = await lab.visitor();
  const page = await context.newPage();
  await page.goto('/chat/pictured');
  const dot = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
  await page.setInputFiles('input[type=file]', { name: 'dot.png', mimeType: 'image/png', buffer: dot });
  await eventually('its path is in the prompt', async () => /dot\.png $/.test(await page.inputValue('[data-composer]')));
  await page.click('[aria-label=Send]');
  await page.click('[aria-label="Show dot.png"]');
  await page.waitForFunction(() => document.querySelector('.picture-large')?.naturalWidth === 1);
  assert.equal(await page.getAttribute('dialog a[download]', 'download'), 'dot.png');
  calm(context);
  await context.close();
});

test('the terminal of a phone has no empty part when a question opens below it', async () => {
  lab.llmux(['session', 'start', 'shell', '--name', 'short', '--skip-init']);
  const context = await lab.visitor({ phone: true });
  const page = await context.newPage();
  await page.goto('/session/short');
  await painted(page);
  await eventually('it holds the size', () => page.evaluate(() => window.llmuxViewer.mine));
  await eventually('a prompt', async () => (await drawn(page)).some((row) => row.startsWith('$')));
  /** Where the first row is drawn, from the top of the stage. */
  const first = () => page.evaluate(() => document.querySelector('.xterm-screen').getBoundingClientRect().top - document.querySelector('.term-stage').getBoundingClientRect().top);
  const before = await first();
  // As tall as a question with four answers.
  await page.evaluate(() => { const box = document.createElement('div'); box.className = 'answer'; box.style.height = '300px'; document.querySelector('.term-foot').prepend(box); });
  await page.waitForSelector('.term-stage.short');
  await eventually('what stands at the top is still there', async () => Math.abs(await first() - before) < 2);
  lab.tmux(['send-keys', '-t', '=short:', 'seq 100', 'Enter']);
  await eventually('where all is written on, the end is seen', async () => {
    const [row, stage] = await page.evaluate(() => {
      const { term, rowHeight } = window.llmuxViewer.screen;
      const top = document.querySelector('.xterm-screen').getBoundingClientRect().top;
      return [top + (term.buffer.active.cursorY + 1) * rowHeight, document.querySelector('.term-stage').getBoundingClientRect().bottom];
    });
    return row <= stage + 1 && stage - row < 60;
  });
  await context.close();
});

// Chromium has no push service here: the browser's own subscription is made up, all else is real. The message goes through a
// push service of the test's own, which opens it with another implementation of RFC 8291 than the daemon's.
test('a device that has subscribed is told what an agent asks, and answers from the notification', async () => {
  const device = createECDH('prime256v1');
  const publicKey = device.generateKeys();
  const secret = randomBytes(16);
  /** @type {Buffer[]} */
  const taken = [];
  const service = createServer((request, answer) => {
    const parts = [];
    request.on('data', (part) => parts.push(part)).on('end', () => { taken.push(Buffer.concat(parts)); answer.writeHead(201).end(); });
  });
  await new Promise((resolve) => { service.listen(0, '127.0.0.1', () => resolve(undefined)); });
  const endpoint = `http://127.0.0.1:${service.address().port}/device`;
  const read = (body) => {
    const [salt, theirs, sealed] = [body.subarray(0, 16), body.subarray(21, 86), body.subarray(86)];
    const input = hkdfSync('sha256', device.computeSecret(theirs), secret, Buffer.concat([Buffer.from('WebPush: info\0'), publicKey, theirs]), 32);
    const derive = (info, length) => Buffer.from(hkdfSync('sha256', Buffer.from(input), salt, Buffer.from(`Content-Encoding: ${info}\0`), length));
    const cipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12));
    cipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]).subarray(0, -1).toString();
  };
  const context = await lab.visitor();
  await context.grantPermissions(['notifications']);
  await context.addInitScript(({ endpoint, p256dh, auth }) => {
    let made = null;
    const subscription = { endpoint, toJSON: () => ({ endpoint, keys: { p256dh, auth } }), unsubscribe: async () => { made = null; return true; } };
    PushManager.prototype.subscribe = async ({ applicationServerKey }) => { made = { ...subscription, options: { applicationServerKey: applicationServerKey.buffer } }; return made; };
    PushManager.prototype.getSubscription = async () => made;
  }, { endpoint, p256dh: publicKey.toString('base64url'), auth: secret.toString('base64url') });
  try {
    const page = await context.newPage();
    await page.goto('/settings');
    await page.waitForFunction(() => navigator.serviceWorker.controller);
    await page.click('text=Tell this device when llmux is closed');
    await page.waitForSelector('text=when a turn has ended');
    lab.llmux(['session', 'prompt', 'asks', 'please [[ask]]', '--async']);
    await eventually('a message comes', () => taken.length === 1);
    const text = read(taken[0]);
    const dialog = lab.json(['session', 'list']).find((one) => one.name === 'asks').activity.dialog;
    assert.equal(JSON.parse(text).dialog, dialog.id);
    // What the browser does with a message, by its own test door.
    const browser = await context.newCDPSession(page);
    let registrationId;
    browser.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => { registrationId = registrations.find((one) => one.scopeURL.startsWith(lab.base))?.registrationId ?? registrationId; });
    await browser.send('ServiceWorker.enable');
    await eventually('the worker is known', () => registrationId);
    await browser.send('ServiceWorker.deliverPushMessage', { origin: lab.base, registrationId, data: text });
    const [worker] = context.serviceWorkers();
    const shown = await eventually('it is shown', async () => {
      const all = await worker.evaluate(async () => (await self.registration.getNotifications()).map(({ title, body, tag, actions }) => ({ title, body, tag, actions: actions.map((one) => one.title) })));
      return all.find((one) => one.tag === 'dialog-asks');
    });
    assert.equal(shown.title, 'asks needs you');
    assert.deepEqual(shown.actions, dialog.options.slice(0, 2).map((one) => one.label));
    await worker.evaluate(async () => {
      const [notification] = await self.registration.getNotifications({ tag: 'dialog-asks' });
      self.dispatchEvent(new NotificationEvent('notificationclick', { notification, action: '1' }));
    });
    await eventually('it is answered', () => lab.json(['session', 'list']).find((one) => one.name === 'asks').activity.state === 'ready');
    await page.click('text=Tell this device when llmux is closed');
    await page.waitForSelector('text=when a turn has ended', { state: 'detached' });
    calm(context);
  } finally {
    await context.close();
    service.close();
  }
});
