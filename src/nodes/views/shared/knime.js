// ---- KNIME: the static picture for reports; rows selected here are selected in its other views, and vice versa

const picked = new Set();      // IDs of rows
let selection = null;          // KNIME's service, where there is one
const showPicked = () => {
  for (const box of document.querySelectorAll('input[data-row]')) {
    box.checked = picked.has(box.dataset.row);
    box.closest('tr')?.classList.toggle('picked', box.checked);
  }
};
function pick(row, on) {
  picked[on ? 'add' : 'delete'](row);
  selection?.[on ? 'add' : 'remove']([row]);
  showPicked();
}
function takeOver(mode, rows) {
  if (mode === 'REPLACE') picked.clear();
  for (const row of rows || []) picked[mode === 'REMOVE' ? 'delete' : 'add'](row);
  showPicked();
  document.dispatchEvent(new CustomEvent('picked', { detail: picked }));
}
async function giveReport({ ReportingService }) {
  const report = document.getElementById('report');
  if (report && ReportingService) (await ReportingService.getInstance()).setReportingContent(report.innerHTML);
}
async function joinSelection({ SelectionService }) {
  if (document.body.dataset.rows === undefined) return;
  const service = await SelectionService.getInstance();
  const first = await service.baseService.getConfig().initialSelection;
  service.addOnSelectionChangeCallback(({ mode, selection: rows }) => takeOver(mode, rows));
  selection = service;
  document.body.classList.add('knime');
  takeOver('REPLACE', typeof first === 'string' ? JSON.parse(first) : first);
}
document.addEventListener('slide', showPicked);
document.addEventListener('change', event => {
  if (event.target.matches('input[data-row]')) pick(event.target.dataset.row, event.target.checked);
});
async function joinKnime(services) {
  for (const join of [giveReport, joinSelection])
    try { await join(services); } catch { /* a page that was saved and opened in a browser gets no answer */ }
}
if (typeof KnimeUIExtensionService === 'object') joinKnime(KnimeUIExtensionService);
