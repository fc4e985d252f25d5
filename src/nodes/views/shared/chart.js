// ---- charts: the values under the cursor, or where the arrow keys have led

for (const chart of document.querySelectorAll('svg[data-chart]')) {
  const { xs, series, label } = JSON.parse(chart.dataset.chart), said = document.createElement('p');
  const rule = document.createElementNS(chart.namespaceURI, 'line'), box = chart.viewBox.baseVal;
  let now = -1;
  for (const [name, value] of Object.entries({ y1: 30, y2: box.y + box.height - 44, stroke: 'currentColor', visibility: 'hidden' }))
    rule.setAttribute(name, value);
  chart.append(rule);
  said.className = 'said';
  said.setAttribute('role', 'status');
  said.textContent = '\u00a0';
  chart.after(said);
  chart.tabIndex = 0;
  chart.setAttribute('role', 'application');
  chart.ariaLabel = `Chart of ${series.map(({ name }) => name).join(', ')}. Left and right arrow: its values.`;
  const point = i => {
    now = i;
    rule.setAttribute('visibility', i < 0 ? 'hidden' : 'visible');
    said.textContent = i < 0 ? '\u00a0' : [`${label} ${xs[i].text}`, ...series
      .filter(({ texts }) => texts[i]).map(({ name, texts }) => `${name} ${texts[i]}`)].join(' · ');
    if (i < 0) return;
    rule.setAttribute('x1', xs[i].at);
    rule.setAttribute('x2', xs[i].at);
  };
  const near = x => xs.reduce((best, one, i) => Math.abs(one.at - x) < Math.abs(xs[best].at - x) ? i : best, 0);
  chart.onpointermove = event => {
    const frame = chart.getBoundingClientRect();
    if (xs.length) point(near((event.clientX - frame.left) / frame.width * box.width));
  };
  chart.onpointerleave = chart.onblur = () => point(-1);
  chart.onkeydown = event => {
    const to = { ArrowLeft: now < 0 ? xs.length - 1 : now - 1, ArrowRight: now + 1, Home: 0, End: xs.length - 1, Escape: -1 }[event.key];
    if (to === undefined || !xs.length) return;
    event.preventDefault();
    point(to < 0 && event.key !== 'Escape' ? 0 : Math.min(to, xs.length - 1));
  };
}
