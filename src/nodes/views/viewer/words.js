// ---- the object under the cursor, in words

function objectAt(px, py) {
  if (!shown) return '';
  const [x, y] = toImage(px, py).map(Math.floor);
  if (x < 0 || y < 0 || x >= width || y >= height) return '';
  const found = shown.tiles.map((tile, index) => boxes[index].checked ? tile.places[y * width + x] : 0);
  return found.some(Boolean) ? found.join() : '';
}
function describe(key) {
  const parts = [];
  key.split(',').forEach((place, index) => {
    if (!+place) return;
    const { ids, measures } = shown.tiles[index], head = document.createElement('b'), list = document.createElement('dl');
    head.textContent = 'Object ' + ids[place - 1] + (layers.length > 1 ? ' · ' + layers[index].name : '');
    for (const { title, texts } of measures) for (const [kind, text] of [['dt', title], ['dd', texts[place - 1]]])
      list.appendChild(document.createElement(kind)).textContent = text;
    parts.push(head, list);
  });
  return parts;
}
let told = '';
function tell() {
  const key = hovered || chosen;
  if (told !== now + ':' + key) $('panel').replaceChildren(...key ? describe(key) : []);
  told = now + ':' + key;
  const { factor } = slides[now];
  $('words').textContent = broken ? `An image cannot be shown (${broken}). A newer browser may help.`
    : factor > 1 && view.scale / ratio() > 1.5 ? `Reduced: one pixel here stands for ${factor.toFixed(1)} × ${factor.toFixed(1)} of the image.` : '';
}
function choose(key) {
  chosen = key;
  draw();
}
// the next object of the uppermost layer that is seen; keys of all layers, so that partners are described as well
function stepTo(by) {
  const index = boxes.map(box => box.checked).lastIndexOf(true);
  if (!shown || index < 0 || !shown.tiles[index].ids.length) return;
  const { ids, places } = shown.tiles[index], before = chosen ? +chosen.split(',')[index] : 0;
  const place = before ? (before - 1 + by + ids.length) % ids.length + 1 : by > 0 ? 1 : ids.length;
  const first = places.indexOf(place), run = [];
  for (let i = first; i >= 0 && i < places.length; i++) if (places[i] === place) run.push(i);
  const middle = run.length ? run[run.length >> 1] : -1;
  hovered = '';
  const at = shown.tiles.map((tile, i) => i === index ? place : boxes[i].checked && middle >= 0 ? tile.places[middle] : 0);
  choose(at.join());
  if (middle >= 0) bringIn(middle % width, Math.floor(middle / width));
}
function bringIn(x, y) {
  const [x0, y0] = toImage(0, 0), [x1, y1] = toImage(below.width, below.height);
  if (x < x0 || x > x1 || y < y0 || y > y1) go(x, y, view.scale);
}
