'use strict';
const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent), { height, width, tile: side, levels, unit } = data;
const stage = $('stage'), below = $('below'), over = $('over');
const finest = levels.at(-1).factor, ratio = () => window.devicePixelRatio || 1;
const COLORS = {
  yellow: [255, 212, 0], magenta: [255, 79, 216], cyan: [47, 224, 255], green: [59, 224, 106],
  white: [255, 255, 255], black: [0, 0, 0],
};
const THICK = 2;      // from this size of a tile's pixels on the screen on, outlines are lines between them
const TINY = 5;       // objects smaller than this, in pixels of the screen, are tinted instead of outlined

// ---- where we are: the image's pixel (x, y) in the middle, so many pixels of the canvas per pixel of the image

const view = { x: width / 2, y: height / 2, scale: 0 };
let chosen = 0, hovered = 0;
const fitting = () => Math.min(below.width / width, below.height / height);
const toImage = (px, py) => [view.x + (px - below.width / 2) / view.scale, view.y + (py - below.height / 2) / view.scale];
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const allowed = scale => clamp(scale, fitting() * 0.5, Math.max(fitting(), 40 * ratio()));

function go(x, y, scale) {
  view.scale = allowed(scale);
  view.x = clamp(x, 0, width);
  view.y = clamp(y, 0, height);
  draw();
}
function zoom(by, px = below.width / 2, py = below.height / 2) {
  const [x, y] = toImage(px, py), before = view.scale, scale = allowed(before * by);
  go(x + (view.x - x) * before / scale, y + (view.y - y) * before / scale, scale);
}
const pan = (dx, dy) => go(view.x + dx / view.scale, view.y + dy / view.scale, view.scale);
const whole = () => go(width / 2, height / 2, fitting() * 0.98);
const isWhole = () => view.x === width / 2 && view.y === height / 2 && Math.abs(view.scale / fitting() - 0.98) < 1e-6;

// ---- tiles: decoded when they are seen, forgotten when they have not been seen for long

const tiles = new Map();      // 'level/number', least recently seen first
let loading = 0, wanted = [], broken = '';
function bytes(text) {
  const plain = atob(text), out = new Uint8Array(plain.length);
  for (let i = 0; i < out.length; i++) out[i] = plain.charCodeAt(i);
  return out;
}
const inflated = text => new Response(
  new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream('deflate'))).arrayBuffer();

function seen(level, number) {
  const key = level + '/' + number, tile = tiles.get(key);
  if (tile) { tiles.delete(key); tiles.set(key, tile); } else wanted.push([level, number, key]);
  return tile;
}
async function load(level, number, key) {
  const { factor, columns, pictures, labels } = levels[level], text = pictures[number];
  const row = Math.floor(number / columns) * side, column = number % columns * side;
  const high = Math.ceil(height / factor), wide = Math.ceil(width / factor);
  const top = Math.max(row - 1, 0), left = Math.max(column - 1, 0);
  const tile = {
    row, column, rows: Math.min(side, high - row), columns: Math.min(side, wide - column), factor,
    // the labels' first row and column, their number of columns and rows
    top, left, wide: Math.min(column + side + 1, wide) - left, high: Math.min(row + side + 1, high) - top,
    ids: [], places: null,
  };
  tile.picture = await createImageBitmap(
    new Blob([bytes(text)], { type: text.startsWith('/9j/') ? 'image/jpeg' : 'image/png' }));
  if (labels[number]) {
    const buffer = await inflated(labels[number]), count = new Int32Array(buffer, 0, 1)[0];
    const Kind = count < 256 ? Uint8Array : count < 65536 ? Uint16Array : Uint32Array;
    tile.ids = new Int32Array(buffer, 4, count);
    tile.places = new Kind(buffer, 4 + 4 * count);
  }
  tiles.set(key, tile);
}
function loadWanted() {
  for (const [level, number, key] of wanted.splice(0)) {
    if (loading >= 6) return;
    if (tiles.has(key)) continue;
    tiles.set(key, null);
    loading++;
    load(level, number, key).catch(error => { broken = String(error); }).finally(() => { loading--; draw(); });
  }
}
function forget(most) {
  for (const [key, tile] of tiles) {
    if (tiles.size <= most) return;
    if (tile) { tile.picture.close(); tiles.delete(key); }
  }
}
function find(sorted, value) {
  let low = 0, high = sorted.length;
  while (low < high) { const middle = (low + high) >> 1; if (sorted[middle] < value) low = middle + 1; else high = middle; }
  return sorted[low] === value ? low : -1;
}

// ---- objects of a tile: a raster of rims and areas, and their outlines as lines

function colorOf(id) {
  const one = COLORS[$('color').value];
  if (one) return one;
  const hue = id * 3.7077 % 6, light = 0.25 + id * 0.414 % 0.3;      // neighbours in number far apart in hue
  return [0, 4, 2].map(n => 255 * (light + (1 - light) * clamp(Math.abs((hue + n) % 6 - 3) - 1, 0, 1)));
}
const styleOf = id => `rgb(${colorOf(id)})`;
function raster(tile, rim, area) {
  const style = [$('color').value, rim, area].join();
  if (tile.style === style) return tile.raster;
  const pack = ([r, g, b]) => b << 16 | g << 8 | r;
  const { places, wide, high } = tile, image = new ImageData(tile.columns, tile.rows);
  const out = new Uint32Array(image.data.buffer), colors = [0, ...Array.from(tile.ids, id => pack(colorOf(id)))];
  const y0 = tile.row - tile.top, x0 = tile.column - tile.left;
  for (let y = 0, o = 0; y < tile.rows; y++) {
    const up = y + y0 > 0 ? -wide : 0, down = y + y0 < high - 1 ? wide : 0;
    for (let x = 0, i = (y + y0) * wide + x0; x < tile.columns; x++, i++, o++) {
      const n = places[i];
      if (!n) continue;
      const edge = rim && (places[i + up] !== n || places[i + down] !== n || (x + x0 > 0 && places[i - 1] !== n)
        || (x + x0 < wide - 1 && places[i + 1] !== n));
      const alpha = edge ? rim : area;
      if (alpha) out[o] = (alpha << 24 | colors[n]) >>> 0;
    }
  }
  tile.raster = tile.raster || new OffscreenCanvas(tile.columns, tile.rows);
  tile.raster.getContext('2d').putImageData(image, 0, 0);
  tile.style = style;
  return tile.raster;
}
function paths(tile) {
  if (tile.paths) return tile.paths;
  const { places, wide, high } = tile, found = Array.from(tile.ids, () => new Path2D());
  // every run of pixels that differs from the row before or behind it is one line; the same for columns
  const trace = (from, to, first, stop, step, along, last, line) => {
    for (let a = from; a < to; a++) for (const [other, shift] of [[-step, 0], [step, 1]]) {
      if (shift ? a === last - 1 : a === 0) continue;
      for (let b = first, run = first; b < stop; b = Math.max(b + 1, run)) {
        const i = a * step + b * along, n = places[i];
        if (!n || places[i + other] === n) continue;
        for (run = b + 1; run < stop && places[a * step + run * along] === n
          && places[a * step + run * along + other] !== n;) run++;
        line(found[n - 1], a + shift, b, run);
      }
    }
  };
  const y0 = tile.row - tile.top, x0 = tile.column - tile.left, y1 = y0 + tile.rows, x1 = x0 + tile.columns;
  trace(y0, y1, x0, x1, wide, 1, high, (p, y, a, b) => { p.moveTo(a - x0, y - y0); p.lineTo(b - x0, y - y0); });
  trace(x0, x1, y0, y1, 1, wide, wide, (p, x, a, b) => { p.moveTo(x - x0, a - y0); p.lineTo(x - x0, b - y0); });
  return tile.paths = found;
}
