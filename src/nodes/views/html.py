"""The frame of every view, and small tables."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nodes.views.stage import read

_STYLE = """
:root{color-scheme:light dark}
body{margin:0;padding:12px 16px;background:Canvas;color:CanvasText;font:14px/1.4 system-ui,sans-serif}
[hidden]{display:none!important}
h1{font-size:16px;margin:0 0 8px}
p{margin:4px 0;max-width:80ch}
.scroll{overflow:auto;max-height:70vh;margin-top:10px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:3px 10px;text-align:left;border-bottom:1px solid #8885;white-space:nowrap}
th{position:sticky;top:0;background:Canvas}
.n{text-align:right}
tbody tr.picked{background:#4c9aff40}
th button,.link{font:inherit;font-weight:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer}
th button::after{content:" \\2195";opacity:.5}
th[aria-sort=ascending] button::after{content:" \\2191";opacity:1}
th[aria-sort=descending] button::after{content:" \\2193";opacity:1}
.link{text-decoration:underline}
body:not(.knime) .pick{display:none}
:focus-visible{outline:2px solid #4c9aff;outline-offset:1px}
svg:focus:not(:focus-visible){outline:none}
svg{max-width:100%;height:auto}
.scroll+svg{margin-top:12px}
figure{margin:0;max-width:100%}
.side{display:flex;flex-wrap:wrap;gap:8px 24px}
.said{min-height:1.4em;margin:0;font-variant-numeric:tabular-nums}
@media (max-height:420px),(max-width:480px){body{padding:6px 8px}h1{font-size:14px;margin:0 0 4px}}
"""


MOST_SORTED = 2000
"""Tables that sort have so many rows at most."""


def page(title: str, *parts: str, style: str = "", script: str = "") -> str:
    """A whole page; `parts` are HTML, the title is text."""
    body = "\n".join(parts)
    code = read("shared/base.js") + (read("shared/sort.js") if "data-sort" in body else "")
    code += read("shared/chart.js") if "data-chart" in body else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}{style}</style></head><body><h1>{escape(title)}</h1>{body}<script>{code}{script}</script>"
        "</body></html>"
    )


def paragraph(text: str, kind: str = "") -> str:
    """Text as a paragraph; `kind` is its class in the page's style."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def side_by_side(*charts: str) -> str:
    """Charts beside each other where there is room."""
    figures = "".join(f"<figure>{chart}</figure>" for chart in charts)
    return f'<div class="side">{figures}</div>'


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    most: int = 200,
    *,
    ids: Sequence[str] = (),
    slides: Sequence[int | None] = (),
    sortable: bool = False,
) -> str:
    """The first rows of a table; numbers are rounded, what is missing is a question mark.

    Parameters
    ----------
    ids : of the rows in KNIME's table, where they can be selected there; one per row.
    slides : per row, the number of its slide in the viewer of the page, None without one.
    sortable : whether a click on a column sorts by it.
    """
    numeric = [all(not isinstance(row[i], str) for row in rows) for i in range(len(header))]
    kinds = [' class="n"' if number else "" for number in numeric]
    names = [
        f'<button type="button" data-sort>{escape(name)}</button>' if sortable else escape(name) for name in header
    ]
    head = '<th class="pick">Selected</th>' if ids else ""
    head += "".join(f'<th scope="col"{kind}>{name}</th>' for kind, name in zip(kinds, names, strict=True))
    lines = []
    for i, row in enumerate(rows[:most]):
        texts = [escape(number(value)) for value in row]
        if slides and slides[i] is not None:
            link = f'<button type="button" class="link" data-slide="{slides[i]}" title="Show the image">'
            texts[0] = f"{link}{texts[0]}</button>"
        cells = [f"<td{k}{_sorted_by(v, sortable)}>{text}</td>" for k, v, text in zip(kinds, row, texts, strict=True)]
        if ids:
            row_id = escape(ids[i], quote=True)
            box = f'<input type="checkbox" data-row="{row_id}" aria-label="Select {row_id} in KNIME">'
            cells.insert(0, f'<td class="pick">{box}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    cut = f"The first {most} of {len(rows)} rows." + " Sorting covers these rows." * sortable
    more = paragraph(cut) if len(rows) > most else ""
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>{more}"
    )


def _sorted_by(value: Any, sortable: bool) -> str:
    """A number's attribute by which its row is sorted; what is missing has none."""
    return f' data-v="{float(value):.9g}"' if sortable and isinstance(value, int | float) and value == value else ""


def thresholds_text(thresholds: Mapping[str, float]) -> str:
    """Thresholds of a head in words."""
    words = {"prob": "probability", "nms": "overlap"}
    return ", ".join(f"{words.get(name, name)} {value:.2f}" for name, value in thresholds.items())


def number(value: Any) -> str:
    """A value for readers: three decimals at most, more of those below 0.1, a question mark where it is missing."""
    if value is None or value != value:
        return "?"
    if isinstance(value, float):
        if 1e-3 <= abs(value) < 0.1:
            return f"{value:.3g}"
        if value == 0 or abs(value) >= 1e-3:
            return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"
        return f"{value:.1e}"
    return str(value)
