"""The report of a run: one self-contained HTML page, and the CSV files beside it."""

from html import escape
from io import TextIOWrapper
from pathlib import Path

from core.io.write import atomic
from headless.results import NodeResult, RunResult, Status, duration
from headless.tables import as_html, write_csv

_STYLE = """
:root { --ink: #1c2733; --soft: #5b6b7b; --line: #dde4ea; --accent: #14706b; --paper: #fff; --ground: #f3f6f8 }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", sans-serif }
main { max-width: 1080px; margin: 0 auto; padding: 36px 20px 60px }
h1 { margin: 0 0 4px; font-size: 28px; letter-spacing: -.01em }
h2 { margin: 0; font-size: 18px }
h3 { margin: 18px 0 6px; font-size: 13px; color: var(--soft); font-weight: 600 }
.lead { color: var(--soft); white-space: pre-line; margin: 0 0 24px }
section { background: var(--paper); border: 1px solid var(--line); border-left: 4px solid var(--accent);
  border-radius: 8px; padding: 18px 22px; margin: 0 0 18px }
section.failed { border-left-color: #b3261e } section.skipped, section.canceled { border-left-color: #b7791f }
header { display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: baseline }
header .label { color: var(--soft) } header .time { margin-left: auto; color: var(--soft); font-size: 13px }
.error, .warning { margin: 12px 0 0; padding: 8px 12px; border-radius: 6px; background: #fff6e5; white-space: pre-line }
.error { background: #fdecea }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0; font-size: 14px }
dt { color: var(--soft) } dd { margin: 0; overflow-wrap: anywhere }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
caption { caption-side: bottom; text-align: left; color: var(--soft); padding-top: 4px }
th, td { padding: 4px 14px 4px 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap }
.n { text-align: right }
iframe { width: 100%; height: 600px; border: 1px solid var(--line); border-radius: 6px; margin-top: 14px;
  background: #fff }
@media print { body { background: #fff } main { max-width: none; padding: 0 } tr, iframe { break-inside: avoid }
  .scroll { overflow: visible } table { font-size: 10px } th, td { white-space: normal; padding-right: 6px } }
"""

# The frames are sandboxed without an origin of their own, so only they know their height: they send it.
_SEND_HEIGHT = """<script>(() => {
const send = () => parent.postMessage({height: document.documentElement.offsetHeight}, "*");
addEventListener("load", send); new ResizeObserver(send).observe(document.documentElement) })()</script>"""
_SET_HEIGHT = """<script>addEventListener("message", event => {
for (const frame of document.querySelectorAll("iframe"))
if (frame.contentWindow === event.source && event.data.height > 0)
frame.style.height = Math.min(Math.max(event.data.height + 2, 120), 1600) + "px" })</script>"""


def write_results(run: RunResult, folder: Path) -> list[Path]:
    """Write report.html and one CSV file per leaf table; returns what was written, the report first.

    Raises
    ------
    OutputError : the folder cannot be written; files that stood there before are untouched.
    """
    names = run.file_names()
    written = [folder / "report.html"]
    with atomic(written[0]) as partial:
        partial.write_text(page(run), encoding="utf-8")
    for node, table in run.leaf_tables():
        path = folder / names[node.entry.path, table.port]
        with atomic(path) as partial, partial.open("wb") as file, TextIOWrapper(file, "utf-8", newline="") as text:
            write_csv(table.load(), text)
        written.append(path)
    return written


def page(run: RunResult) -> str:
    """The report as one HTML page that loads nothing from elsewhere."""
    executed = sum(node.status is Status.EXECUTED for node in run.nodes)
    total = duration(sum(node.seconds for node in run.nodes))
    title, sections = escape(run.workflow.name.replace("_", " ")), "\n".join(_section(node) for node in run.nodes)
    lead = escape(run.workflow.description)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{_STYLE}</style>{_SET_HEIGHT}</head>
<body><main><h1>{title}</h1>
<p class="lead">{lead}{chr(10) if lead else ""}{executed} of {len(run.nodes)} nodes executed in {total}.</p>
{sections}
</main></body></html>
"""


def _section(node: NodeResult) -> str:
    entry = node.entry
    state = duration(node.seconds) if node.status is Status.EXECUTED else node.status.value
    parts = [
        f'<section class="{node.status.value}"><header><h2>{escape(entry.title)}</h2>'
        f'<span class="label">{escape(entry.label)}</span><span class="time">{state}</span></header>'
    ]
    if node.error:
        parts.append(f'<p class="error">{escape(node.error)}</p>')
    parts += [f'<p class="warning">{escape(warning)}</p>' for warning in node.warnings]
    if node.settings:
        rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(_shown(v))}</dd>" for k, v in node.settings.items())
        parts.append(f"<h3>Settings that differ from the default</h3><dl>{rows}</dl>")
    if node.view is not None:
        title = escape(f"View of {entry.title}", quote=True)
        source = escape(node.view + _SEND_HEIGHT, quote=True)
        parts.append(f'<iframe title="{title}" sandbox="allow-scripts" srcdoc="{source}"></iframe>')
    parts += [f"<h3>{escape(table.port)}</h3>{as_html(table.load())}" for table in node.tables]
    return "\n".join([*parts, "</section>"])


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
