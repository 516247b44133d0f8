// Shows notifications, and says so when there is no network. It keeps no page and no data.

const OFFLINE = `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>llmux</title><h1>Not reachable</h1><p>The daemon can’t be reached from here. Its agents run on.</p><p><a href="">Try again</a></p>`;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  if (event.request.mode !== 'navigate') return;
  event.respondWith(fetch(event.request).catch(() => new Response(OFFLINE, { status: 503, headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'" } })));
});
self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const path = new URL(event.notification.data?.path ?? '/', self.location.origin);
  if (path.origin !== self.location.origin) return;
  event.waitUntil((async () => {
    const pages = await self.clients.matchAll({ type: 'window' });
    const there = pages.find((page) => new URL(page.url).pathname === path.pathname) ?? pages[0];
    if (!there) return self.clients.openWindow(path.href);
    await there.focus();
    if (new URL(there.url).pathname !== path.pathname) await there.navigate(path.href);
  })());
});
