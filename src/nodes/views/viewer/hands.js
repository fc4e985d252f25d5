// ---- keys, switches, the list of images

slides.forEach((slide, i) => $('choice').add(new Option(`${i + 1} / ${slides.length}   ${slide.title}`, i)));
const keys = {
  ArrowLeft: () => show(now - 1), ArrowRight: () => show(now + 1),
  ...zooming,
  ' ': () => { $('outlines').checked = !$('outlines').checked; draw(); },
  '.': () => stepTo(1), ',': () => stepTo(-1),
  Escape: () => { hovered = ''; choose(''); },
};
document.addEventListener('keydown', event => {
  const action = event.shiftKey && panning[event.key] || keys[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !action
    || event.target.matches('input:not([type=checkbox]),select') || event.target.closest('.scroll') || (event.key === ' ' && event.target.matches('button,input,summary,svg')))
    return;
  event.preventDefault();
  action();
});
$('before').onclick = () => show(now - 1);
$('next').onclick = () => show(now + 1);
$('choice').onchange = () => show(+$('choice').value);
for (const control of [...boxes, $('outlines'), $('fill'), $('color'), $('opacity')]) control.oninput = draw;
$('channel').onchange = () => { wished = $('channel').value; placeSliders(); draw(); };
for (const name of ['low', 'high']) $(name).oninput = event => slid(event.target);
$('auto').onclick = () => { limits.length = 0; placeSliders(); draw(); };
for (const link of document.querySelectorAll('[data-slide]')) link.onclick = () => {
  show(+link.dataset.slide);
  $('viewer').scrollIntoView();
  over.focus({ preventScroll: true });
};
document.addEventListener('picked', ({ detail: rows }) => {      // KNIME's selection: go to the first of its rows
  const first = slides.findIndex(slide => rows.has(slide.title));
  if (first >= 0 && !rows.has(slides[now].title)) show(first);
});
const roomy = matchMedia('(min-width: 760px) and (min-height: 520px)');
const unfold = () => { $('display').open = roomy.matches; };
roomy.onchange = unfold;
unfold();
function resize() {
  const fits = !view.scale || isWhole();
  for (const canvas of [below, over]) {
    canvas.width = Math.round(stage.clientWidth * ratio());
    canvas.height = Math.round(stage.clientHeight * ratio());
    canvas.style.width = canvas.width / ratio() + 'px';      // whole pixels: the stage may end between two
    canvas.style.height = canvas.height / ratio() + 'px';
  }
  if (shown && fits) whole();
  if (shown && view.scale) drawNow();      // at once: a canvas of another size is empty
}
new ResizeObserver(resize).observe(stage);
show(0);
