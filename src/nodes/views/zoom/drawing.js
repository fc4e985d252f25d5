// ---- drawing

function wish() {
  const level = levels.findIndex(l => view.scale * l.factor <= 1.2);
  return level < 0 ? levels.length - 1 : level;
}
function* inSight(number) {
  const level = levels[number], step = side * level.factor;
  const [x0, y0] = toImage(0, 0), [x1, y1] = toImage(below.width, below.height);
  const to = (value, most) => Math.min(Math.floor(value / step), most - 1);
  for (let r = Math.max(0, to(y0, level.rows)); r <= to(y1, level.rows); r++)
    for (let c = Math.max(0, to(x0, level.columns)); c <= to(x1, level.columns); c++)
      yield seen(number, r * level.columns + c);
}
function within(context) {
  context.save();
  context.beginPath();
  context.rect(screenX(0), screenY(0), screenX(width) - screenX(0), screenY(height) - screenY(0));
  context.clip();
  context.imageSmoothingEnabled = view.scale * levels[wish()].factor < 2;
}
let asked = 0;
function draw() {
  asked = asked || requestAnimationFrame(() => { asked = 0; if (view.scale) drawNow(); });
}
function drawNow() {
  const now = wish(), context = below.getContext('2d'), marks = over.getContext('2d');
  wanted = [];
  context.clearRect(0, 0, below.width, below.height);
  within(context);
  let shown = 0, tilesShown = [], complete = true;      // objects are those of the finest level whose tiles are all there
  for (let number = 0; number <= now; number++) {      // coarse ones show where fine ones are still to come
    const there = [...inSight(number)];
    complete = there.every(Boolean);
    if (complete || !number) [shown, tilesShown] = [number, there.filter(Boolean)];
    for (const tile of there) if (tile) put(context, tile.picture, tile);
  }
  context.restore();
  drawObjects(marks, levels[shown], tilesShown.filter(tile => tile.ids.length));
  if (complete) $('first').hidden = true;
  drawScale();
  drawInset();
  tell();
  remember();
  loadWanted();
  forget(Math.max(120, 3 * tilesShown.length));
  stage.dataset.complete = complete;
}
function drawObjects(context, level, objects) {
  const size = view.scale * level.factor / ratio(), tiny = level.objectSize * size < TINY, lines = size >= THICK;
  const outlined = $('outlines').checked, filled = $('fill').checked ? 80 : 0;
  const rim = outlined && !tiny && !lines ? 255 : 0, area = outlined && tiny ? 150 : filled;
  context.clearRect(0, 0, over.width, over.height);
  within(context);
  context.globalAlpha = $('opacity').value / 100;
  if (rim || area) for (const tile of objects) put(context, raster(tile, rim, area, $('color').value, colorOf), tile);
  if (outlined && lines) for (const tile of objects) outline(context, tile, tile.ids, styleOf, 2);
  context.globalAlpha = 1;
  for (const [style, thickness] of [['#000', 4.5], ['#fff', 2]])
    for (const tile of objects) outline(context, tile, [hovered, chosen], () => style, thickness);
  context.restore();
}
function drawInset() {
  const inset = $('inset'), side = 150, scale = side / Math.max(width, height), [x0, y0] = toImage(0, 0);
  const w = Math.max(1, Math.round(width * scale)), h = Math.max(1, Math.round(height * scale));
  inset.hidden = view.scale <= fitting() * 1.01;
  if (inset.hidden) return;
  if (inset.style.width !== w + 'px' || inset.width !== w * ratio()) {
    inset.width = w * ratio(); inset.height = h * ratio(); inset.style.width = w + 'px'; inset.style.height = h + 'px';
  }
  const context = inset.getContext('2d');
  context.setTransform(ratio(), 0, 0, ratio(), 0, 0);
  context.drawImage($('first'), 0, 0, w, h);
  context.lineWidth = 2;
  context.strokeStyle = '#ff3b30';
  const wide = Math.max(4, below.width / view.scale * scale), high = Math.max(4, below.height / view.scale * scale);
  context.strokeRect(x0 * scale, y0 * scale, wide, high);
}
