const data = JSON.parse($('data').textContent), { slides, layers } = data;
const stage = $('stage'), below = $('below'), over = $('over'), boxes = [...document.querySelectorAll('.layer')];
const ratio = () => window.devicePixelRatio || 1;
let height = 1, width = 1, unit = null, now = -1, shown = null, broken = '';
let chosen = '', hovered = '';      // which object of every layer lies there: places in its ids from 1, 0 for none

// ---- slides: unpacked when they are seen; a few are kept

const unpacked = new Map();
async function plane(text, wide, high) {
  const options = { premultiplyAlpha: 'none', colorSpaceConversion: 'none' };
  const picture = await createImageBitmap(new Blob([bytes(text)], { type: 'image/png' }), options);
  const context = new OffscreenCanvas(wide, high).getContext('2d', { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  picture.close();
  const rgba = context.getImageData(0, 0, wide, high).data, out = new Uint8Array(wide * high);
  for (let i = 0; i < out.length; i++) out[i] = rgba[4 * i];
  return out;
}
async function tile({ labels, ids, ...rest }, wide, high) {
  const Kind = ids.length < 256 ? Uint8Array : ids.length < 65536 ? Uint16Array : Uint32Array;
  const places = new Kind(await inflated(labels));
  return { ...rest, ids, places, row: 0, column: 0, rows: high, columns: wide, factor: 1, top: 0, left: 0, wide, high };
}
async function unpack(slide) {
  const { width: wide, height: high } = slide;
  const [planes, tiles] = await Promise.all([
    Promise.all(slide.channels.map(channel => plane(channel.picture, wide, high))),
    Promise.all(slide.layers.map(layer => tile(layer, wide, high))),
  ]);
  return { slide, planes, tiles, picture: new OffscreenCanvas(wide, high), style: '' };
}
function opened(number) {
  const there = unpacked.get(number) || unpack(slides[number]);
  unpacked.delete(number);
  unpacked.set(number, there);
  if (unpacked.size > 6) unpacked.delete(unpacked.keys().next().value);
  return there;
}
async function show(number) {
  now = (number + slides.length) % slides.length;
  const wish = now, slide = slides[now], sameSize = shown && slide.width === width && slide.height === height;
  $('choice').value = now;
  $('caption').textContent = slide.caption;
  $('mine').dataset.row = slide.title;
  document.dispatchEvent(new Event('slide'));
  stage.dataset.complete = false;
  try {
    const found = await opened(now);
    if (wish !== now) return;
    shown = found;
  } catch (error) {
    if (wish !== now) return;
    broken = String(error);
    shown = null;
    chosen = hovered = '';
    for (const canvas of [below, over]) canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
    placeSliders();
    return tell();
  }
  broken = '';
  [height, width, unit] = [slide.height, slide.width, slide.unit];
  chosen = hovered = '';
  listChannels();
  if (!sameSize || !view.scale) whole();
  draw();
  if (slides.length > 1) opened((now + 1) % slides.length).catch(() => {});
}

// ---- channels: which are seen, and between which values

let wished = 'all';      // the channel that a person has chosen, as far as an image has it
const limits = [];      // of every channel, once a person has set them: they hold from image to image
const channelsShown = () => {
  const one = $('channel').value, all = shown ? shown.slide.channels : [];
  return one === 'all' ? all.slice(0, 3).map((_, i) => i) : all.length ? [Math.min(+one || 0, all.length - 1)] : [];
};
function listChannels() {
  const names = shown.slide.channels.map(channel => channel.name);
  const options = names.map((name, i) => new Option(name, i));
  if (names.length > 1) options.unshift(new Option(shown.slide.colours ? 'Colours' : 'Overlaid', 'all'));
  $('channel').replaceChildren(...options);
  $('channel').parentElement.hidden = names.length < 2;
  if (options.some(option => option.value === wished)) $('channel').value = wished;
  placeSliders();
}
const between = index => limits[index] || shown.slide.channels[index].auto;
const valueAt = ({ low, high, power }, part) => low + (high - low) * part ** power;
const partAt = ({ low, high, power }, value) => clamp((value - low) / (high - low), 0, 1) ** (1 / power);
// channels laid over each other have limits of their own, but those of a colour picture share theirs
function placeSliders() {
  const [index, ...others] = channelsShown(), none = index === undefined, apart = others.length && !shown.slide.colours;
  for (const name of ['low', 'high']) $(name).disabled = none || apart;
  $('auto').disabled = none;
  $('range').textContent = apart ? 'Choose a channel to set its contrast' : '';
  if (none || apart) return;
  const channel = shown.slide.channels[index], [low, high] = between(index);
  $('low').value = 1000 * partAt(channel, low);
  $('high').value = 1000 * partAt(channel, high);
  tellRange();
}
function tellRange() {
  const [index] = channelsShown(), [low, high] = between(index);
  $('range').textContent = `${plain(low)} to ${plain(high)}`;
  $('low').ariaValueText = plain(low);
  $('high').ariaValueText = plain(high);
}
function slid(moved) {
  const [low, high] = [$('low'), $('high')], other = moved === low ? high : low, crossed = +low.value >= +high.value;
  const [first, ...others] = channelsShown(), channel = shown.slide.channels[first], before = between(first);
  if (crossed) other.value = +moved.value + (moved === low ? 1 : -1);
  const set = [low, high].map((slider, i) =>
    slider === moved || crossed ? valueAt(channel, slider.value / 1000) : before[i]);
  for (const index of [first, ...others]) limits[index] = set;
  tellRange();
  draw();
}
