// Asking to be told while no page is open.
import { html, signal, useEffect } from '../../vendor/preact.js';
import { tried, say } from '../ui/toast.js';
import { canPush, load, subscribe, unsubscribe } from '../push.js';

/** @type {import('../../vendor/preact.js').Signal<import('../types').Push | null>} */
const push = signal(null);

export function PushSetting() {
  useEffect(() => { load().then((now) => { push.value = now; }, () => {}); }, []);
  const now = push.value;
  if (!now?.enabled) return null;
  const wish = now.subscribed;
  const toggle = async () => {
    if (wish) await tried(unsubscribe);
    else if (!canPush()) say('This browser can’t be told while llmux is closed.', { hint: 'It needs HTTPS, or localhost; on an iPhone the page must be on the home screen.', wrong: true });
    else if (await tried(() => subscribe({ blocked: true, ended: false }))) say('This device is told when a session needs you.');
    push.value = await load();
  };
  /** @param {'blocked' | 'ended'} what */
  const change = async (what) => {
    if (wish && await tried(() => subscribe({ ...wish, [what]: !wish[what] }))) push.value = await load();
  };
  return html`<label class="set"><div class="grow"><div>Tell this device when llmux is closed</div><div class="muted small">Through the browser’s push service, which can’t read it. Not while you look at the session, here or elsewhere.</div></div><input type="checkbox" checked=${Boolean(wish)} onChange=${toggle} /></label>
    ${wish && html`<div class="set sub" role="group" aria-label="What this device is told">
      <label class="row"><input type="checkbox" checked=${wish.blocked} onChange=${() => change('blocked')} />when an agent asks something</label>
      <label class="row"><input type="checkbox" checked=${wish.ended} onChange=${() => change('ended')} />when a turn has ended</label></div>`}`;
}
