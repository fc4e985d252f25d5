// ---- painting: the picture, fills and outlines

function compose() {
  const { slide, planes, picture } = shown, channels = channelsShown();
  const style = JSON.stringify(channels.map(index => [index, between(index)]));
  if (shown.style === style) return picture;
  const image = new ImageData(width, height), out = image.data, alone = channels.length === 1;
  for (let i = 3; i < out.length; i += 4) out[i] = 255;
  for (const index of channels) {
    const channel = slide.channels[index], [low, high] = between(index), light = alone ? [1, 1, 1] : channel.light;
    const bright = Float32Array.from({ length: 256 }, (_, step) =>
      255 * clamp((valueAt(channel, step / 255) - low) / Math.max(high - low, 1e-12), 0, 1));
    const [red, green, blue] = light.map(part => Uint8Array.from(bright, value => Math.round(part * value)));
    const values = planes[index];
    for (let i = 0, o = 0; i < values.length; i++, o += 4) {      // the array keeps sums at 255
      const step = values[i];
      out[o] += red[step];
      out[o + 1] += green[step];
      out[o + 2] += blue[step];
    }
  }
  picture.getContext('2d').putImageData(image, 0, 0);
  shown.style = style;
  return picture;
}
const RIGHT = [59, 224, 106], WRONG = [255, 122, 36];
const parsed = color => [1, 3, 5].map(i => parseInt(color.slice(i, i + 2), 16));
function painter(index, tile) {
  const own = parsed(layers[index].color), how = $('color').value;
  if (how === 'each') return colorOfItsOwn;
  if (how === 'match' && tile.right.length) return id => tile.right[find(tile.ids, id)] ? RIGHT : WRONG;
  return () => own;
}
let asked = 0;
function draw() {
  asked = asked || requestAnimationFrame(() => { asked = 0; if (shown && view.scale) drawNow(); });
}
function drawNow() {
  const context = below.getContext('2d'), marks = over.getContext('2d'), { tiles } = shown;
  context.clearRect(0, 0, below.width, below.height);
  context.imageSmoothingEnabled = view.scale < 2;
  context.imageSmoothingQuality = 'high';
  put(context, compose(), { row: 0, column: 0, rows: height, columns: width, factor: 1 });
  marks.clearRect(0, 0, over.width, over.height);
  marks.globalAlpha = $('opacity').value / 100;
  marks.imageSmoothingEnabled = view.scale < 1;
  tiles.forEach((tile, index) => {
    if (!boxes[index].checked) return;
    const color = painter(index, tile), name = $('color').value;
    if ($('fill').checked) put(marks, raster(tile, 0, 90, name, color), tile);
    const width = tiles.length > 1 ? 1.6 : 2;
    if ($('outlines').checked) outline(marks, tile, tile.ids, id => `rgb(${color(id)})`, width);
  });
  marks.globalAlpha = 1;
  for (const key of [hovered, chosen]) if (key) key.split(',').forEach((place, index) => {
    if (+place) for (const [style, thickness] of [['#000', 4.5], ['#fff', 2]])
      outline(marks, tiles[index], [tiles[index].ids[place - 1]], () => style, thickness);
  });
  drawScale();
  tell();
  stage.dataset.complete = true;
}
