"""Numbers of objects as a page."""

from collections.abc import Sequence
from typing import Any

import knime.extension as knext

from nodes.running import amount
from nodes.views.charts import bar_chart
from nodes.views.html import page, paragraph, table


def counts_view(names: Sequence[str], counts: Sequence[float | None], densities: Sequence[float | None]) -> Any:
    """Bars and a table of the counts of images; None where there is no count."""
    known = [count for count in counts if count is not None]
    text = f"{amount(sum(known), 'object')} in {amount(len(known), 'image')}"
    text += f", {sum(known) / len(known):.1f} per image on average." if known else "."
    bars = [(name, float("nan") if count is None else count) for name, count in zip(names, counts, strict=True)]
    chart = bar_chart(bars, "Objects per image")
    rows = table(["Image", "Count", "Density (1/mm²)"], list(zip(names, counts, densities, strict=True)))
    return knext.view_html(page("Counts", paragraph(text), chart, rows), svg_or_png=chart, can_be_used_in_report=True)
