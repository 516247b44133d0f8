// Whether something is on the screen, or soon will be: what nobody sees need not be drawn whole.
import { useEffect, useRef, useState } from '../../vendor/preact.js';

const MARGIN = '400px';
/** @type {WeakMap<Element, () => void>} */
const watched = new WeakMap();
const observer = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) if (isIntersecting) watched.get(target)?.();
}, /** @type {IntersectionObserverInit} */ ({ rootMargin: MARGIN, scrollMargin: MARGIN }));

/**
 * Once it was near it stays so: nothing is taken away while a person scrolls.
 * @template {Element} T @param {boolean} first whether it is already when the page begins
 * @returns {[boolean, { current: T | null }]} and where to put the element
 */
export function useNear(first) {
  const [near, setNear] = useState(first);
  const element = useRef(/** @type {T | null} */ (null));
  useEffect(() => {
    const target = element.current;
    if (near || !target) return;
    watched.set(target, () => setNear(true));
    observer.observe(target);
    return () => observer.unobserve(target);
  }, [near]);
  return [near, element];
}
