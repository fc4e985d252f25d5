const data = JSON.parse($('data').textContent), { height, width, tile: side, levels, unit } = data;
const stage = $('stage'), below = $('below'), over = $('over');
const finest = levels.at(-1).factor, ratio = () => window.devicePixelRatio || 1;
const COLORS = {
  yellow: [255, 212, 0], magenta: [255, 79, 216], cyan: [47, 224, 255], green: [59, 224, 106],
  white: [255, 255, 255], black: [0, 0, 0],
};
const colorOf = id => COLORS[$('color').value] || colorOfItsOwn(id), styleOf = id => `rgb(${colorOf(id)})`;
const THICK = 2;      // from this size of a tile's pixels on the screen on, outlines are lines between them
const TINY = 5;       // objects smaller than this, in pixels of the screen, are tinted instead of outlined
let chosen = 0, hovered = 0;

// ---- tiles: decoded when they are seen, forgotten when they have not been seen for long

const tiles = new Map();      // 'level/number', least recently seen first
let loading = 0, wanted = [], broken = '';
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
