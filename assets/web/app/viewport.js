// What a phone's keyboard leaves free of the page. Neither `100dvh` nor the window's own size knows of it everywhere.

/** The tallest the page was at this width: what is less is the keyboard's. */
let tallest = { width: 0, height: 0 };
let covered = 0;

/** How many pixels of the page a keyboard covers. */
export const keyboard = () => covered;

export function followViewport() {
  const view = window.visualViewport;
  if (!view) return;
  const apply = () => {
    // A pinched page is smaller for another reason.
    if (view.scale > 1.01) return;
    const [width, height] = [Math.round(view.width), Math.round(view.height)];
    if (width !== tallest.width || height > tallest.height) tallest = { width, height };
    const writes = /^(INPUT|TEXTAREA)$/.test(document.activeElement?.tagName ?? '');
    const less = tallest.height - height;
    covered = writes && less > 120 && matchMedia('(pointer: coarse)').matches ? less : 0;
    document.documentElement.style.setProperty('--view-h', `${height}px`);
    document.documentElement.classList.toggle('keyboard', covered > 0);
    // iOS pushes the page up to show the field; it is in sight already.
    if (view.offsetTop > 0) scrollTo(0, 0);
  };
  view.addEventListener('resize', apply);
  view.addEventListener('scroll', apply);
  apply();
}
