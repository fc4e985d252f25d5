// ---- tables sorted by a column: by numbers where it has any; what is missing comes last

for (const button of document.querySelectorAll('[data-sort]')) button.onclick = () => {
  const head = button.closest('th'), body = button.closest('table').tBodies[0], column = head.cellIndex;
  const up = head.ariaSort !== 'ascending';
  for (const other of head.parentElement.cells) other.removeAttribute('aria-sort');
  head.ariaSort = up ? 'ascending' : 'descending';
  const cell = row => row.cells[column], numeric = [...body.rows].some(row => cell(row).dataset.v);
  const value = row => numeric ? parseFloat(cell(row).dataset.v) : cell(row).textContent;
  const compare = (a, b) => numeric ? a - b : a.localeCompare(b, 'en', { numeric: true });
  body.append(...[...body.rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)], missing = Number.isNaN(a) - Number.isNaN(b);
    return missing || (up ? compare(a, b) : compare(b, a)) || 0;
  }));
};
