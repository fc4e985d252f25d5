"""What the viewer tells of an object."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def measures(
    table: Mapping[str, NDArray[Any]], probabilities: Sequence[float], matches: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Title and texts of what is shown of objects.

    Parameters
    ----------
    table : of `core.measurement.objects.measure`.
    probabilities, matches : as a layer of a slide has them.
    """
    known = bool(len(table["id"])) and not np.isnan(table["area_um2"]).all()
    columns = {"Area": _measure(table, "area_px", "px", "area_um2", "µm²", known)}
    columns["Diameter"] = _measure(table, "diameter_px", "px", "diameter_um", "µm", known)
    for name, values in table.items():
        if name.startswith("mean_intensity"):
            of = name.removeprefix("mean_intensity").removeprefix("_")
            columns[f"Mean intensity {of}".strip()] = [_short(value) for value in values]
    if len(probabilities):
        columns["Probability"] = [_short(probabilities[label - 1]) for label in table["id"]]
    columns |= {title: list(texts) for title, texts in matches.items()}
    return [{"title": title, "texts": texts} for title, texts in columns.items()]


def _measure(
    table: Mapping[str, NDArray[Any]], pixels: str, unit: str, micrometres: str, unit_um: str, known: bool
) -> list[str]:
    first = [f"{_short(value)} {unit}" for value in table[pixels]]
    if not known:
        return first
    return [f"{a} · {_short(b)} {unit_um}" for a, b in zip(first, table[micrometres], strict=True)]


def _short(value: float) -> str:
    """Three digits, and all those before the point."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:#.3g}"
