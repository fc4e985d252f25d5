// ---- hands: mouse, fingers, keys

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
  if (clicked) { chosen = objectAt(...at(event)); $('number').value = chosen || ''; draw(); }
};
over.onpointerleave = () => { if (hovered) { hovered = 0; draw(); } };
over.addEventListener('wheel', event => {
  event.preventDefault();
  const lines = event.deltaY * (event.deltaMode ? 30 : 1);
  zoom(Math.exp(-clamp(lines, -200, 200) * (event.ctrlKey ? 0.01 : 0.002)), ...at(event));
}, { passive: false });
over.ondblclick = event => zoom(event.shiftKey ? 0.5 : 2, ...at(event));
const step = () => Math.min(below.width, below.height) / 5;
const keys = {
  ArrowLeft: () => pan(-step(), 0), ArrowRight: () => pan(step(), 0), ArrowUp: () => pan(0, -step()), ArrowDown: () => pan(0, step()),
  '+': () => zoom(1.5), '=': () => zoom(1.5), '-': () => zoom(1 / 1.5), 0: whole,
  ' ': () => { $('outlines').checked = !$('outlines').checked; draw(); },
  Escape: () => { chosen = hovered = 0; $('number').value = ''; draw(); },
};
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input,select') || !keys[event.key]
    || (event.key === ' ' && event.target.matches('button'))) return;
  event.preventDefault();
  keys[event.key]();
});
$('in').onclick = () => zoom(1.5);
$('out').onclick = () => zoom(1 / 1.5);
$('all').onclick = whole;
$('number').onchange = event => { if (event.target.value) goTo(+event.target.value); };
for (const name of Object.keys(switches)) $(name).oninput = () => { light(); draw(); };
const fly = event => {
  if (!event.buttons) return;
  const box = $('inset').getBoundingClientRect();
  go((event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * height, view.scale);
};
$('inset').onpointerdown = $('inset').onpointermove = fly;
addEventListener('hashchange', follow);
function resize() {
  const first = !view.scale, fits = first || isWhole();
  for (const canvas of [below, over]) {
    canvas.width = Math.round(stage.clientWidth * ratio());
    canvas.height = Math.round(stage.clientHeight * ratio());
  }
  if (fits) whole();
  if (first && view.scale) follow();
  if (view.scale) drawNow();      // at once: a canvas of another size is empty
}
$('first').onload = draw;
new ResizeObserver(resize).observe(stage);
readObjects().then(() => { if (view.scale) follow(); });
