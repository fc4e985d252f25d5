"""The frame of every view, and small tables."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
:root{color-scheme:light dark}
body{margin:0;padding:12px 16px;background:Canvas;color:CanvasText;font:14px/1.4 system-ui,sans-serif}
h1{font-size:16px;margin:0 0 8px}
p{margin:4px 0;max-width:80ch}
.scroll{overflow:auto;max-height:70vh;margin-top:10px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:3px 10px;text-align:left;border-bottom:1px solid #8885;white-space:nowrap}
th{position:sticky;top:0;background:Canvas}
.n{text-align:right}
svg{max-width:100%;height:auto}
"""


def page(title: str, *parts: str, style: str = "", script: str = "") -> str:
    """A whole page; `parts` are HTML, the title is text."""
    body = "\n".join(parts)
    code = f"<script>{script}</script>" if script else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}{style}</style></head><body><h1>{escape(title)}</h1>{body}{code}</body></html>"
    )


def paragraph(text: str) -> str:
    """Text as a paragraph."""
    return f"<p>{escape(text)}</p>"


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], most: int = 200) -> str:
    """The first rows of a table; numbers are rounded, what is missing is a question mark."""
    numeric = [all(not isinstance(row[i], str) for row in rows) for i in range(len(header))]
    kinds = [' class="n"' if number else "" for number in numeric]
    head = "".join(f"<th{kind}>{escape(name)}</th>" for kind, name in zip(kinds, header, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{k}>{escape(number(v))}</td>" for k, v in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows[:most]
    )
    more = paragraph(f"The first {most} of {len(rows)} rows.") if len(rows) > most else ""
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}'


def thresholds_text(thresholds: Mapping[str, float]) -> str:
    """Thresholds of a head in words."""
    words = {"prob": "probability", "nms": "overlap"}
    return ", ".join(f"{words.get(name, name)} {value:.2f}" for name, value in thresholds.items())


def number(value: Any) -> str:
    """A value for readers: three decimals at most, a question mark where it is missing."""
    if value is None or value != value:
        return "?"
    if isinstance(value, float):
        if value == 0 or abs(value) >= 1e-3:
            return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"
        return f"{value:.1e}"
    return str(value)
