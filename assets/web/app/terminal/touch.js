// Fingers on the terminal: one scrolls (with the rest of its swing), two change the size of the letters.
import { fontSize } from '../prefs.js';

/** @param {import('./viewer.js').Viewer} viewer @param {HTMLElement} stage @returns {() => void} */
export function followTouch(viewer, stage) {
  /** @type {{ x: number, y: number, t: number } | null} */ let last = null;
  let speed = 0;
  let swing = 0;
  /** @type {{ from: number, font: number } | null} */ let pinch = null;

  /** As a wheel would: xterm knows whether that scrolls back or is for the program. @param {number} dy @param {Touch | { clientX: number, clientY: number }} where */
  const wheel = (dy, where) => {
    const target = viewer.screen.host.querySelector('.xterm-screen');
    target?.dispatchEvent(new WheelEvent('wheel', { deltaY: dy, deltaMode: 0, bubbles: true, cancelable: true, clientX: where.clientX, clientY: where.clientY }));
  };
  /** @param {TouchList} touches */
  const spread = (touches) => Math.hypot(touches[0].clientX - touches[1].clientX, touches[0].clientY - touches[1].clientY);

  /** @param {TouchEvent} event */
  const start = (event) => {
    cancelAnimationFrame(swing);
    const [touch] = event.touches;
    last = { x: touch.clientX, y: touch.clientY, t: event.timeStamp };
    speed = 0;
    pinch = event.touches.length === 2 ? { from: spread(event.touches), font: fontSize.peek() } : null;
  };
  /** @param {TouchEvent} event */
  const move = (event) => {
    if (pinch && event.touches.length === 2) {
      event.preventDefault();
      const size = Math.max(8, Math.min(32, Math.round(pinch.font * spread(event.touches) / pinch.from)));
      if (size !== fontSize.peek()) {
        fontSize.value = size;
        viewer.screen.layout();
      }
      return;
    }
    if (!last || pinch) return;
    event.preventDefault();
    const [touch] = event.touches;
    const dy = last.y - touch.clientY;
    const passed = Math.max(1, event.timeStamp - last.t);
    speed = 0.7 * (dy / passed) + 0.3 * speed;
    stage.scrollLeft += last.x - touch.clientX;
    wheel(dy, touch);
    last = { x: touch.clientX, y: touch.clientY, t: event.timeStamp };
  };
  const end = () => {
    if (pinch) viewer.windowChanged();
    else if (last && Math.abs(speed) > 0.25 && !matchMedia('(prefers-reduced-motion: reduce)').matches) {
      const where = { clientX: last.x, clientY: last.y };
      let then = performance.now();
      /** @param {number} now */
      const go = (now) => {
        wheel(speed * (now - then), where);
        speed *= 0.95 ** ((now - then) / 16);
        then = now;
        if (Math.abs(speed) > 0.03) swing = requestAnimationFrame(go);
      };
      swing = requestAnimationFrame(go);
    }
    pinch = null;
    last = null;
  };
  stage.addEventListener('touchstart', start, { passive: true });
  stage.addEventListener('touchmove', move, { passive: false });
  stage.addEventListener('touchend', end);
  stage.addEventListener('touchcancel', end);
  return () => {
    cancelAnimationFrame(swing);
    stage.removeEventListener('touchstart', start);
    stage.removeEventListener('touchmove', move);
    stage.removeEventListener('touchend', end);
    stage.removeEventListener('touchcancel', end);
  };
}
