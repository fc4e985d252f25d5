// ---- words

let ids = new Int32Array(0), columns = null;
const rowOf = id => find(ids, id);
async function readObjects() {
  const kinds = { i: Int32Array, f: Float32Array, b: Uint8Array };
  const read = async column => ({ ...column, values: new kinds[column.kind](await inflated(column.values)) });
  const [numbers, ...rest] = await Promise.all([inflated(data.ids), ...data.columns.map(read)]);
  [ids, columns] = [new Int32Array(numbers), rest];
}
function describe(id) {
  const row = rowOf(id), lines = new Map();
  for (const { title, unit, kind, values } of row < 0 ? [] : columns) {
    const value = values[row], text = kind === 'b' ? (value ? 'yes' : 'no') : Number.isNaN(value) ? '?' : plain(value);
    lines.set(title, [...lines.get(title) || [], unit ? text + ' ' + unit : text]);
  }
  const head = document.createElement('b'), list = document.createElement('dl');
  head.textContent = 'Object ' + id;
  for (const [title, texts] of lines) for (const [kind, text] of [['dt', title], ['dd', texts.join(' · ')]])
    list.appendChild(document.createElement(kind)).textContent = text;
  return [head, list];
}
let told = '';
function tell() {
  const id = hovered || chosen, size = view.scale * finest / ratio();
  if (told !== id + '/' + ids.length) $('panel').replaceChildren(...id ? describe(id) : []);
  told = id + '/' + ids.length;
  $('words').textContent = broken ? `A part of the image cannot be shown (${broken}). A newer browser may help.` : finest > 1 && size > 1.5
    ? `Enlarged: one pixel here stands for ${finest} × ${finest} of the image. Finer ones are in the files.` : '';
}
function objectAt(px, py) {
  const [x, y] = toImage(px, py);
  if (x < 0 || y < 0 || x >= width || y >= height) return 0;
  for (let number = wish(); number >= 0; number--) {
    const { factor, columns } = levels[number], c = Math.floor(x / factor), r = Math.floor(y / factor);
    const tile = tiles.get(number + '/' + (Math.floor(r / side) * columns + Math.floor(c / side)));
    if (!tile) continue;
    const n = tile.places && tile.places[(r - tile.top) * tile.wide + c - tile.left];
    return n ? tile.ids[n - 1] : 0;
  }
  return 0;
}
function goTo(id) {
  const row = rowOf(id), field = $('number');
  field.setCustomValidity(row < 0 ? `There is no object ${field.value}.` : '');
  if (!field.reportValidity() || row < 0) return;
  const value = name => columns.find(c => c.name === name).values[row];
  chosen = id;
  hovered = 0;
  const area = columns.find(c => c.name === 'area_px'), size = area ? Math.sqrt(area.values[row]) : 30;
  const near = Math.min(below.width, below.height) / (10 * Math.max(size, 4));
  go(value('centroid_x') + 0.5, value('centroid_y') + 0.5, Math.max(view.scale, near));
}

// ---- a link to this place: what stands behind # in the address

const switches = { outlines: 'checked', fill: 'checked', color: 'value', opacity: 'value', brightness: 'value', gamma: 'value' };
const state = name => switches[name] === 'checked' ? String(+$(name).checked) : $(name).value;
const initial = Object.fromEntries(Object.keys(switches).map(name => [name, state(name)]));
function follow() {
  const place = new URLSearchParams(location.hash.slice(1));
  const number = (name, otherwise) => Number.isFinite(parseFloat(place.get(name))) ? parseFloat(place.get(name)) : otherwise;
  for (const [name, property] of Object.entries(switches)) if (place.has(name))
    $(name)[property] = property === 'checked' ? place.get(name) === '1' : place.get(name);
  if (!$('color').value) $('color').value = initial.color;
  light();
  if (rowOf(number('object', 0)) >= 0) {
    $('number').value = number('object', 0);
    goTo(number('object', 0));
  }
  go(number('x', view.x), number('y', view.y), number('zoom', view.scale / ratio()) * ratio());
}
let later = 0;
function remember() {
  if (!columns) return;
  clearTimeout(later);
  later = setTimeout(() => {
    const place = new URLSearchParams({ x: view.x.toFixed(1), y: view.y.toFixed(1), zoom: (view.scale / ratio()).toPrecision(4) });
    if (chosen) place.set('object', chosen);
    for (const name of Object.keys(switches)) if (state(name) !== initial[name]) place.set(name, state(name));
    try { history.replaceState(null, '', '#' + place); } catch { /* a frame without an address of its own */ }
  }, 400);
}
function light() {
  const gain = 2 ** ($('brightness').value / 25), exponent = 2 ** (-$('gamma').value / 25);
  for (const f of document.querySelectorAll('#gain *')) { f.setAttribute('amplitude', gain); f.setAttribute('exponent', exponent); }
  below.style.filter = gain === 1 && exponent === 1 ? '' : 'url(#gain)';
}
