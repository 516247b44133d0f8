// A home of its own: state, runtime directory, tmux server, daemon on a free port, browser. All ends with `close`.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(join(root, 'target/web-node/package.json'));
const { chromium } = require('playwright-core');
export const axePath = require.resolve('axe-core/axe.min.js');

const LLMUX = process.env.LLMUX_BIN ?? join(root, 'target/debug/llmux');
const CHROMIUM = process.env.LLMUX_TEST_CHROMIUM ?? '/usr/bin/chromium';
export const patience = Number(process.env.LLMUX_TEST_PATIENCE_SECS ?? 60) * 1000;
export const shots = join(root, 'target/web-shots');
mkdirSync(shots, { recursive: true });

export const PASSPHRASE = 'a long enough phrase';

/** Waits until `look` gives something true. */
export async function eventually(claim, look) {
  const deadline = Date.now() + patience;
  let last;
  for (;;) {
    try {
      const seen = await look();
      if (seen) return seen;
    } catch (error) {
      last = error;
    }
    assert.ok(Date.now() < deadline, `never came true: ${claim}${last ? ` (${last.message})` : ''}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const freePort = () => new Promise((resolve, reject) => {
  const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

export class Lab {
  static async open({ users = true } = {}) {
    const lab = new Lab();
    lab.home = mkdtempSync(join(tmpdir(), 'llmux-web-'));
    for (const name of ['state', 'config', 'run', 'home']) mkdirSync(join(lab.home, name), { mode: 0o700 });
    lab.port = await freePort();
    lab.base = `http://127.0.0.1:${lab.port}`;
    lab.env = {
      PATH: process.env.PATH, HOME: join(lab.home, 'home'), XDG_STATE_HOME: join(lab.home, 'state'), XDG_CONFIG_HOME: join(lab.home, 'config'),
      XDG_RUNTIME_DIR: join(lab.home, 'run'), TMUX_TMPDIR: lab.home, LC_ALL: 'C.UTF-8', TERM: 'xterm-256color', SHELL: '/bin/sh', PS1: '$ ', HISTFILE: '/dev/null',
      LLMUXD_HOST: '127.0.0.1',
    };
    lab.said = '';
    try {
      await lab.start();
      if (users) lab.llmux(['user', 'create', 'ana', '--name', 'Ana', '--admin'], { LLMUX_PASSPHRASE: PASSPHRASE });
    } catch (error) {
      await lab.close();
      throw new Error(`${error.message}\n${lab.said}`);
    }
    return lab;
  }

  async start() {
    this.daemon = spawn(LLMUX, ['server', 'start', '--port', String(this.port)], { env: this.env, cwd: this.env.HOME, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.daemon.stdout, this.daemon.stderr]) stream.on('data', (data) => { this.said += data; });
    await eventually('the daemon answers', async () => (await fetch(`${this.base}/health`)).ok);
  }

  /** Ends the daemon; its agents run on. */
  async stop() {
    if (this.daemon.exitCode !== null || this.daemon.signalCode !== null) return;
    const gone = new Promise((resolve) => { this.daemon.once('exit', resolve); });
    this.daemon.kill('SIGTERM');
    await gone;
  }

  llmux(args, more = {}) {
    return execFileSync(LLMUX, args, { env: { ...this.env, ...more }, cwd: this.env.HOME, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: patience });
  }

  json(args) {
    return JSON.parse(this.llmux([...args, '--json']));
  }

  tmux(args) {
    return execFileSync('tmux', args, { env: this.env, encoding: 'utf8', timeout: patience });
  }

  /** The visible screen as tmux has it: its rows without trailing blanks. */
  screen(name) {
    return rows(this.tmux(['capture-pane', '-p', '-t', `=${name}:`]));
  }

  size(name) {
    return this.tmux(['display-message', '-p', '-t', `=${name}:`, '#{pane_width}x#{pane_height}']).trim();
  }

  async browser(phone = false) {
    this.browsers ??= {};
    const scale = phone ? 2 : 1;
    // The scale is the browser's own: an emulated one is not seen by what draws the terminal.
    this.browsers[scale] ??= await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--enable-unsafe-swiftshader', `--force-device-scale-factor=${scale}`] });
    return this.browsers[scale];
  }

  /** A browser profile that is signed in. What its pages complain of is kept in `complaints`. */
  async visitor({ phone = false, dark = false, signedIn = true, width, height } = {}) {
    const browser = await this.browser(phone);
    const context = await browser.newContext({
      baseURL: this.base, colorScheme: dark ? 'dark' : 'light', deviceScaleFactor: phone ? 2 : 1, isMobile: phone, hasTouch: phone,
      viewport: { width: width ?? (phone ? 390 : 1440), height: height ?? (phone ? 844 : 900) },
    });
    context.setDefaultTimeout(patience);
    context.complaints = [];
    context.on('weberror', (error) => context.complaints.push(`uncaught: ${error.error().stack}`));
    context.on('console', (message) => {
      if (message.type() === 'error') context.complaints.push(`${message.page()?.url()}: ${message.text()}`);
    });
    if (signedIn) {
      this.login ??= await this.sign();
      await context.addCookies([{ name: 'llmux_session', value: this.login, url: this.base }]);
    }
    return context;
  }

  async sign() {
    const answer = await fetch(`${this.base}/api/auth/login`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: 'ana', passphrase: PASSPHRASE, deviceName: 'laptop' }),
    });
    assert.equal(answer.status, 200, await answer.clone().text());
    return (await answer.json()).token;
  }

  async close() {
    for (const browser of Object.values(this.browsers ?? {})) await browser.close();
    await this.stop();
    try {
      this.tmux(['kill-server']);
    } catch { /* it is gone already */ }
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Rows without what is blank at their ends, and without the last empty ones. */
export function rows(text) {
  const all = text.split('\n').map((row) => row.trimEnd());
  while (all.length > 0 && all.at(-1) === '') all.pop();
  return all;
}

/** The visible rows of the page's terminal. */
export const drawn = async (page) => rows(await page.evaluate(() => {
  const { term } = window.llmuxViewer.screen;
  const buffer = term.buffer.active;
  return Array.from({ length: term.rows }, (_, i) => buffer.getLine(buffer.baseY + i)?.translateToString(true) ?? '').join('\n');
}));

export const painted = (page) => page.waitForSelector('.term-stage:not(.blank)');

/** Fails if a page complained. */
export function calm(context) {
  assert.deepEqual(context.complaints, []);
}
