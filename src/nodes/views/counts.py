"""Numbers of objects as a page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nodes.running import amount
from nodes.views.charts import bar_chart, group_chart
from nodes.views.html import page, paragraph, table
from nodes.views.node_view import node_view

if TYPE_CHECKING:
    from core.measurement.groups import Group


def counts_view(
    names: Sequence[str],
    counts: Sequence[float | None],
    densities: Sequence[float | None],
    groups: "Sequence[Group]" = (),
    group_column: str = "",
) -> Any:
    """Bars and a table of the counts of images, None where there is no count; before them those of groups, if any."""
    known = [count for count in counts if count is not None]
    text = f"{amount(sum(known), 'object')} in {amount(len(known), 'image')}"
    text += f", {sum(known) / len(known):.1f} per image on average." if known else "."
    bars = [(name, float("nan") if count is None else count) for name, count in zip(names, counts, strict=True)]
    chart = bar_chart(bars, "Objects per image")
    rows = list(zip(names, counts, densities, strict=True))
    each = table(["Image", "Count", "Density (1/mm²)"], rows, ids=names, sortable=True)
    if not groups:
        return node_view(page("Counts", paragraph(text), chart, each), chart, rows=True)
    summary = group_chart(groups, "Objects per image")
    caution = paragraph("The intervals take the images of a group as independent: not several of one animal or well.")
    by_group = _group_table(groups, group_column)
    html = page("Counts", paragraph(text), summary, by_group, caution, chart, each)
    return node_view(html, summary, by_group, chart, rows=True)


def _group_table(groups: "Sequence[Group]", column: str) -> str:
    header = [
        column,
        "Images",
        "Objects",
        "Mean per image",
        "Standard deviation",
        "95 % interval, from",
        "to",
        "Mean density (1/mm²)",
    ]
    rows = [
        [one.name, len(one.counts), sum(one.counts), one.mean, one.deviation, one.low, one.high, one.density]
        for one in groups
    ]
    return table(header, rows)
