// ---- where we are: the image's pixel (x, y) in the middle, so many pixels of the canvas per pixel of the image

const view = { x: width / 2, y: height / 2, scale: 0 };
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
const screenX = x => Math.round((x - view.x) * view.scale + below.width / 2);
const screenY = y => Math.round((y - view.y) * view.scale + below.height / 2);

// ---- the scale bar, and numbers in words

function plain(value) {
  const size = Math.abs(value), digits = size >= 1000 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 3;
  return size && size < 1e-3 ? value.toExponential(1) : value.toLocaleString('en', { maximumFractionDigits: digits });
}
function drawScale() {
  const css = view.scale / ratio() / (unit ? unit.X : 1), most = 140 / css, power = 10 ** Math.floor(Math.log10(most));
  const length = power * (most / power >= 5 ? 5 : most / power >= 2 ? 2 : 1);
  const shownAs = unit && length >= 1000 ? [length / 1000, 'mm'] : [length, unit ? 'µm' : 'px'];
  $('scale').firstElementChild.style.width = length * css + 'px';
  $('scale').lastElementChild.textContent = plain(shownAs[0]) + ' ' + shownAs[1];
}
