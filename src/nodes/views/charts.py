"""Charts as SVG: they stand alone as a picture, and inside a page they take its text colour."""

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from nodes.views.html import number

if TYPE_CHECKING:
    from core.measurement.groups import Group

Points = Sequence[tuple[float, float]]

COLORS = ("#1b8a96", "#e0662f", "#7a5bd0", "#b08900", "#d6457f", "#5c8f3a")
"""Readable on white and on black."""

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 320, 64, 16, 30, 44


def line_chart(
    series: Mapping[str, Points],
    x_label: str,
    y_label: str,
    mark: tuple[float, str] | None = None,
    colors: Sequence[str] = COLORS,
) -> str:
    """Lines with a legend; the vertical axis begins at 0. In a page the values under the cursor are shown.

    Parameters
    ----------
    series : points x, y by name, as many as there are colours; points that are no numbers are left out.
    mark : a vertical line at this x, with this text.
    colors : of the lines.
    """
    lines = {name: [p for p in points if all(map(math.isfinite, p))] for name, points in series.items()}
    xs = [x for points in lines.values() for x, _ in points] or [0.0, 1.0]
    ys = [y for points in lines.values() for _, y in points] or [1.0]
    low, high = min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1
    ticks_y = _ticks(0.0, max(0.0, *ys) or 1.0)
    top = ticks_y[-1]

    def x_of(x: float) -> float:
        return _LEFT + (x - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def y_of(y: float) -> float:
        return _HEIGHT - _BOTTOM - max(0.0, y) / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = _frame(x_label, y_label)
    for tick in ticks_y:
        y = y_of(tick)
        parts.append(_rule(y))
        parts.append(_text(_LEFT - 8, y + 4, number(tick), "end"))
    for tick in _ticks(low, high, whole=all(x == int(x) for x in xs)):
        if low <= tick <= high:
            parts.append(_text(x_of(tick), _HEIGHT - _BOTTOM + 18, number(tick)))
    if mark:
        x = x_of(mark[0])
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" {_DASHED}/>')
        parts.append(_text(min(max(x, _LEFT + 40), _WIDTH - 80), _HEIGHT - _BOTTOM - 6, mark[1]))
    for (name, points), color, i in zip(lines.items(), colors, range(len(lines)), strict=False):
        if len(points) > 1:
            path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        for x, y in points if len(points) < 60 else []:
            parts.append(f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="2.5" fill="{color}"/>')
        row, column = divmod(i, 3)
        y = 20 * (row - (len(lines) - 1) // 3)  # the lowest row stands above the lines, the others go up from there
        parts.append(f'<rect x="{_LEFT + 190 * column}" y="{y + 6}" width="14" height="14" fill="{color}"/>')
        parts.append(_text(_LEFT + 190 * column + 20, y + 18, name, "start", 24))
    at = sorted({x for points in lines.values() for x, _ in points})
    known = {name: dict(points) for name, points in lines.items()}
    texts = [{"name": n, "texts": [number(v[x]) if x in v else "" for x in at]} for n, v in known.items()]
    data = {"label": x_label, "xs": [{"at": round(x_of(x), 1), "text": number(x)} for x in at], "series": texts}
    return _svg(_HEIGHT, parts, data, above=20 * ((len(lines) - 1) // 3))


def bar_chart(bars: Sequence[tuple[str, float]], label: str, most: int = 40) -> str:
    """Horizontal bars with names and numbers, the first `most` of them; where there are more, a line says so."""
    shown = bars[:most]
    left, row = 190, 22
    top = max((value for _, value in shown if math.isfinite(value)), default=0.0) or 1.0
    height = _TOP + row * max(1, len(shown)) + 8
    parts = [_text(left, 18, label, "start")]
    for i, (name, value) in enumerate(shown):
        y, known = _TOP + row * i, math.isfinite(value)
        length = max(0.0, value) / top * (_WIDTH - left - 70) if known else 0.0
        parts.append(_text(left - 8, y + 15, name, "end", 26))
        parts.append(f'<rect x="{left}" y="{y + 3}" width="{length:.1f}" height="{row - 6}" fill="{COLORS[0]}"/>')
        parts.append(_text(left + length + 6, y + 15, number(value), "start"))
    if len(bars) > most:
        height += row
        parts.append(_text(left, height - 8, f"The first {most} of {len(bars)}.", "start"))
    return _svg(height, parts)


def group_chart(groups: "Sequence[Group]", label: str, most: int = 24) -> str:
    """A point per image and, per group, the mean with its 95 % interval.

    These are the first `most` groups; where there are more, a line says so.
    """
    shown = groups[:most]
    highest = [*(n for one in shown for n in one.counts), *(one.high for one in shown if math.isfinite(one.high))]
    ticks = _ticks(0.0, max(highest, default=0.0) or 1.0)
    slot = (_WIDTH - _LEFT - _RIGHT) / max(1, len(shown))

    def y_of(y: float) -> float:
        return _HEIGHT - _BOTTOM - max(0.0, y) / ticks[-1] * (_HEIGHT - _TOP - _BOTTOM)

    parts = _frame(f"The first {most} of {len(groups)} groups." if len(groups) > most else "", label)
    for tick in ticks:
        parts.append(_rule(y_of(tick)))
        parts.append(_text(_LEFT - 8, y_of(tick) + 4, number(tick), "end"))
    letters = max(4, int(slot / 7))
    for i, one in enumerate(shown):
        middle, wide = _LEFT + slot * (i + 0.5), min(28.0, 0.3 * slot)
        for j, count in enumerate(one.counts):
            x = middle + wide * (0.8 * (j * 0.618 % 1) - 0.4)  # points of equal counts side by side
            parts.append(f'<circle cx="{x:.1f}" cy="{y_of(count):.1f}" r="3.5" fill="{COLORS[0]}" fill-opacity=".6"/>')
        line = f'stroke="{COLORS[1]}" stroke-width="2.5"'
        y = y_of(one.mean)
        parts.append(f'<line x1="{middle - wide:.1f}" x2="{middle + wide:.1f}" y1="{y:.1f}" y2="{y:.1f}" {line}/>')
        if math.isfinite(one.high):
            low, high = y_of(one.low), y_of(one.high)  # from 0 on, as all of the chart
            ends = "".join(f"M{middle - 6:.1f} {end:.1f}h12" for end in (low, high))
            parts.append(f'<path d="M{middle:.1f} {low:.1f}V{high:.1f}{ends}" fill="none" {line}/>')
        parts.append(_text(middle, _HEIGHT - _BOTTOM + 18, one.name, letters=letters))
    parts.append(f'<circle cx="{_LEFT + 7}" cy="14" r="3.5" fill="{COLORS[0]}"/>')
    parts.append(_text(_LEFT + 18, 18, "an image", "start"))
    parts.append(f'<rect x="{_LEFT + 96}" y="12" width="18" height="3" fill="{COLORS[1]}"/>')
    parts.append(_text(_LEFT + 120, 18, "mean and its 95 % confidence interval", "start"))
    return _svg(_HEIGHT, parts)


_DASHED = 'stroke="#888" stroke-dasharray="4 4"'


def _frame(x_label: str, y_label: str) -> list[str]:
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    return [
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, x_label),
        f'<text x="14" y="{middle}" transform="rotate(-90 14 {middle})" text-anchor="middle">{escape(y_label)}</text>',
    ]


def _rule(y: float) -> str:
    return f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#8884"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", letters: int = 0) -> str:
    """Text, cut to so many letters where they are given; the whole text appears under the cursor."""
    cut = 0 < letters < len(text)
    shown = escape(text[: letters - 1]) + f"…<title>{escape(text)}</title>" if cut else escape(text)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{shown}</text>'


def _svg(height: float, parts: list[str], data: Mapping[str, object] | None = None, above: float = 0) -> str:
    """A picture of so many pixels, and more `above`, where y is negative."""
    values = f' data-chart="{escape(json.dumps(data, ensure_ascii=False), quote=True)}"' if data else ""
    box = f'viewBox="0 {-above} {_WIDTH} {height + above}" width="{_WIDTH}" height="{height + above}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} '
        f'font-family="system-ui,sans-serif" font-size="12" fill="currentColor"{values}>{"".join(parts)}</svg>'
    )


def _ticks(low: float, high: float, about: int = 6, *, whole: bool = False) -> list[float]:
    """Round numbers, or whole ones, from at or below `low` to at or above `high`."""
    raw = max((high - low) / about, 1.0 if whole else 0.0)
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    count = math.ceil(high / step - 1e-9) - first + 1
    return [round((first + i) * step, 12) for i in range(count)]
