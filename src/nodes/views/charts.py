"""Charts as SVG: they stand alone as a picture, and inside a page they take its text colour."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from nodes.views.html import number

Points = Sequence[tuple[float, float]]

COLORS = ("#1b8a96", "#e0662f", "#7a5bd0", "#b08900")
"""Readable on white and on black."""

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 320, 64, 16, 30, 44


def line_chart(series: Mapping[str, Points], x_label: str, y_label: str, mark: tuple[float, str] | None = None) -> str:
    """Lines with a legend; the vertical axis begins at 0.

    Parameters
    ----------
    series : points x, y by name; points that are no numbers are left out.
    mark : a vertical line at this x, with this text.
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
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#8884"/>')
        parts.append(_text(_LEFT - 8, y + 4, number(tick), "end"))
    for tick in _ticks(low, high, whole=all(x == int(x) for x in xs)):
        if low <= tick <= high:
            parts.append(_text(x_of(tick), _HEIGHT - _BOTTOM + 18, number(tick)))
    if mark:
        x = x_of(mark[0])
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" {_DASHED}/>')
        parts.append(_text(min(max(x, _LEFT + 40), _WIDTH - 80), _HEIGHT - _BOTTOM - 6, mark[1]))
    for (name, points), color, i in zip(lines.items(), COLORS, range(len(lines)), strict=False):
        if len(points) > 1:
            path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        for x, y in points if len(points) < 60 else []:
            parts.append(f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="2.5" fill="{color}"/>')
        parts.append(f'<rect x="{_LEFT + 190 * i}" y="6" width="14" height="14" fill="{color}"/>')
        parts.append(_text(_LEFT + 190 * i + 20, 18, name, "start"))
    return _svg(_HEIGHT, parts)


def bar_chart(bars: Sequence[tuple[str, float]], label: str, most: int = 40) -> str:
    """Horizontal bars with names and numbers, the first `most` of them."""
    shown = bars[:most]
    left, row = 190, 22
    top = max((value for _, value in shown if math.isfinite(value)), default=0.0) or 1.0
    height = _TOP + row * max(1, len(shown)) + 8
    parts = [_text(left, 18, label, "start")]
    for i, (name, value) in enumerate(shown):
        y, known = _TOP + row * i, math.isfinite(value)
        length = max(0.0, value) / top * (_WIDTH - left - 70) if known else 0.0
        parts.append(_text(left - 8, y + 15, name if len(name) <= 26 else name[:25] + "…", "end"))
        parts.append(f'<rect x="{left}" y="{y + 3}" width="{length:.1f}" height="{row - 6}" fill="{COLORS[0]}"/>')
        parts.append(_text(left + length + 6, y + 15, number(value), "start"))
    return _svg(height, parts)


_DASHED = 'stroke="#888" stroke-dasharray="4 4"'


def _frame(x_label: str, y_label: str) -> list[str]:
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    return [
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, x_label),
        f'<text x="14" y="{middle}" transform="rotate(-90 14 {middle})" text-anchor="middle">{escape(y_label)}</text>',
    ]


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="system-ui,sans-serif" font-size="12" fill="currentColor">{"".join(parts)}</svg>'
    )


def _ticks(low: float, high: float, about: int = 6, *, whole: bool = False) -> list[float]:
    """Round numbers, or whole ones, from at or below `low` to at or above `high`."""
    raw = max((high - low) / about, 1.0 if whole else 0.0)
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    count = math.ceil(high / step - 1e-9) - first + 1
    return [round((first + i) * step, 12) for i in range(count)]
