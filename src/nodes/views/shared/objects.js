// ---- data, unpacked

function bytes(text) {
  const plain = atob(text), out = new Uint8Array(plain.length);
  for (let i = 0; i < out.length; i++) out[i] = plain.charCodeAt(i);
  return out;
}
const inflated = text => new Response(
  new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream('deflate'))).arrayBuffer();

function find(sorted, value) {
  let low = 0, high = sorted.length;
  while (low < high) { const middle = (low + high) >> 1; if (sorted[middle] < value) low = middle + 1; else high = middle; }
  return sorted[low] === value ? low : -1;
}

// ---- objects of a tile: a raster of rims and areas, and their outlines as lines

function colorOfItsOwn(id) {
  const hue = id * 3.7077 % 6, light = 0.25 + id * 0.414 % 0.3;      // neighbours in number far apart in hue
  return [0, 4, 2].map(n => 255 * (light + (1 - light) * clamp(Math.abs((hue + n) % 6 - 3) - 1, 0, 1)));
}
function raster(tile, rim, area, name, colorOf) {
  const style = [name, rim, area].join();
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
function put(context, picture, tile) {
  const { row, column, rows, columns, factor } = tile, x = screenX(column * factor), y = screenY(row * factor);
  context.drawImage(picture, x, y, screenX((column + columns) * factor) - x, screenY((row + rows) * factor) - y);
}
function outline(context, tile, ids, style, thickness) {
  context.save();
  context.translate(screenX(tile.column * tile.factor), screenY(tile.row * tile.factor));
  context.scale(view.scale * tile.factor, view.scale * tile.factor);
  context.lineWidth = thickness * ratio() / (view.scale * tile.factor);
  context.lineCap = 'round';
  for (const id of ids) {
    const place = find(tile.ids, id);
    if (place < 0) continue;
    context.strokeStyle = style(id);
    context.stroke(paths(tile)[place]);
  }
  context.restore();
}
