// ---- keys, switches, the small picture

function choose(id) {
  chosen = id;
  $('number').value = id || '';
  draw();
}
const keys = {
  ...panning, ...zooming,
  ' ': () => { $('outlines').checked = !$('outlines').checked; draw(); },
  Escape: () => { hovered = 0; choose(0); },
};
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input,select') || !keys[event.key]
    || (event.key === ' ' && event.target.matches('button'))) return;
  event.preventDefault();
  keys[event.key]();
});
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
