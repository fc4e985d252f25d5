// ---- mouse, fingers, and the keys that move the image

const step = () => Math.min(below.width, below.height) / 5;
const panning = {
  ArrowLeft: () => pan(-step(), 0), ArrowRight: () => pan(step(), 0), ArrowUp: () => pan(0, -step()), ArrowDown: () => pan(0, step()),
};
const zooming = { '+': () => zoom(1.5), '=': () => zoom(1.5), '-': () => zoom(1 / 1.5), 0: whole };

const fingers = new Map();
let moved = 0;
const at = event => { const box = over.getBoundingClientRect(); return [(event.clientX - box.left) * ratio(), (event.clientY - box.top) * ratio()]; };
const spread = () => { const [a, b] = fingers.values(); return [Math.hypot(a[0] - b[0], a[1] - b[1]), (a[0] + b[0]) / 2, (a[1] + b[1]) / 2]; };
over.onpointerdown = event => {
  fingers.set(event.pointerId, at(event));
  try { over.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone already */ }
  if (fingers.size === 1) moved = 0;
};
over.onpointermove = event => {
  const now = at(event), before = fingers.get(event.pointerId);
  if (!before) {
    const id = objectAt(...now);
    if (id !== hovered) { hovered = id; draw(); }
    return;
  }
  if (fingers.size === 2) {
    const [length, x, y] = spread();
    fingers.set(event.pointerId, now);
    const [longer, x1, y1] = spread();
    pan(x - x1, y - y1);
    zoom(longer / Math.max(length, 1), x1, y1);
  } else if (fingers.size === 1) {
    pan(before[0] - now[0], before[1] - now[1]);
    fingers.set(event.pointerId, now);
  }
  moved += Math.hypot(before[0] - now[0], before[1] - now[1]) / ratio();
  over.classList.toggle('moving', moved > 4);
};
over.onpointerup = over.onpointercancel = event => {
  const clicked = fingers.size === 1 && moved <= 4 && event.type === 'pointerup';
  fingers.delete(event.pointerId);
  over.classList.remove('moving');
  if (clicked) choose(objectAt(...at(event)));
};
over.onpointerleave = () => { if (hovered) { hovered = 0; draw(); } };
// where the page scrolls, the wheel is the image's only once that was clicked or with Ctrl
const isWheels = event => event.ctrlKey || document.activeElement === over
  || document.documentElement.scrollHeight <= innerHeight + 1;
over.addEventListener('wheel', event => {
  if (!isWheels(event)) return;
  event.preventDefault();
  const lines = event.deltaY * (event.deltaMode ? 30 : 1);
  zoom(Math.exp(-clamp(lines, -200, 200) * (event.ctrlKey ? 0.01 : 0.002)), ...at(event));
}, { passive: false });
over.ondblclick = event => zoom(event.shiftKey ? 0.5 : 2, ...at(event));
$('in').onclick = zooming['+'];
$('out').onclick = zooming['-'];
$('all').onclick = whole;
