// Shows notifications, and says so when there is no network. It keeps no page and no data.

const OFFLINE = `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>llmux</title><h1>Not reachable</h1><p>The daemon can’t be reached from here. Its agents run on.</p><p><a href="">Try again</a></p>`;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  if (event.request.mode !== 'navigate') return;
  event.respondWith(fetch(event.request).catch(() => new Response(OFFLINE, { status: 503, headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'" } })));
});

/** A session's own pages. */
const terminalOf = (name) => `/session/${encodeURIComponent(name)}`;
const isOf = (page, name) => [terminalOf(name), `/chat/${encodeURIComponent(name)}`].includes(new URL(page.url).pathname);

/** What the daemon tells (src/push/message.rs). A page that is looked at shows it already. */
async function told(message) {
  const { kind, session, text = '', dialog, options = [] } = message;
  const pages = await self.clients.matchAll({ type: 'window' });
  if (pages.some((page) => page.visibilityState === 'visible' && isOf(page, session))) return;
  const asks = kind === 'blocked';
  const title = `${session} ${{ blocked: 'needs you', ended: 'has answered', failed: 'failed' }[kind] ?? 'has news'}`;
  const most = self.Notification.maxActions ?? 2;
  await self.registration.showNotification(title, {
    body: text, tag: `${asks ? 'dialog' : 'turn'}-${session}`, icon: '/icon-192.png', badge: '/icon-192.png', requireInteraction: asks, renotify: true,
    data: { path: terminalOf(session), session, dialog },
    actions: dialog ? options.slice(0, most).map((label, i) => ({ action: String(i + 1), title: label })) : [],
  });
}

self.addEventListener('push', (event) => {
  // What can't be read is shown all the same: a browser wants to see something for each message.
  let message = { kind: '', session: 'llmux' };
  try {
    message = event.data.json();
  } catch { /* it says nothing */ }
  event.waitUntil(told(message));
});

/** Answers with the number of an option. The daemon types nothing if another question is open by now. */
async function answer({ path, session, dialog }, choice) {
  let why = 'The daemon can’t be reached.';
  try {
    const done = await fetch(`/api/sessions/${encodeURIComponent(session)}/answer`, {
      method: 'POST', credentials: 'same-origin', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ choice, dialog }),
    });
    if (done.ok) return;
    why = (await done.json()).error ?? `The daemon answered ${done.status}.`;
  } catch { /* said below */ }
  await self.registration.showNotification(`${session}: not answered`, { body: why, tag: `dialog-${session}`, icon: '/icon-192.png', data: { path } });
}

async function openPage(path) {
  const url = new URL(path, self.location.origin);
  if (url.origin !== self.location.origin) return;
  const pages = await self.clients.matchAll({ type: 'window' });
  const there = pages.find((page) => new URL(page.url).pathname === url.pathname) ?? pages[0];
  if (!there) return self.clients.openWindow(url.href);
  await there.focus();
  if (new URL(there.url).pathname !== url.pathname) await there.navigate(url.href);
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const data = event.notification.data ?? {};
  event.waitUntil(event.action ? answer(data, event.action) : openPage(data.path ?? '/'));
});
