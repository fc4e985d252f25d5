"""Numbers of objects as a page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nodes.running import amount
from nodes.views.charts import bar_chart, group_chart
from nodes.views.html import MOST_SORTED, page, paragraph, table
from nodes.views.node_view import node_view

if TYPE_CHECKING:
    from core.measurement.groups import Group


def counts_view(
    names: Sequence[str],
    counts: Sequence[float | None],
    densities: Sequence[float | None],
    groups: "Sequence[Group]" = (),
    group_column: str = "",
    note: str = "",
    unit: str = "mm²",
) -> Any:
    """The view of the Instance Counter: bars and a table of the counts of images, before them those of groups, if any.

    Parameters
    ----------
    names, counts, densities : of the images; None where there is no count or density.
    groups, group_column : what is shown by group, and the column that says which.
    note : a sentence on images that are in no group.
    unit : what densities are per.
    """
    known = [count for count in counts if count is not None]
    text = f"{amount(sum(known), 'object')} in {amount(len(known), 'image')}"
    text += f", {sum(known) / len(known):.1f} per image on average." if known else "."
    bars = [(name, float("nan") if count is None else count) for name, count in zip(names, counts, strict=True)]
    chart = bar_chart(bars, "Objects per image")
    rows = list(zip(names, counts, densities, strict=True))
    each = table(["Image", "Count", f"Density (1/{unit})"], rows, MOST_SORTED, ids=names, sortable=True)
    left_out = paragraph(note) if note else ""
    if not groups:
        return node_view(page("Counts", paragraph(text), left_out, chart, each), chart, rows=True)
    summary = group_chart(groups, "Objects per image")
    caution = paragraph(_CAUTION)
    by_group = _group_table(groups, group_column, unit)
    html = page("Counts", paragraph(text), left_out, summary, by_group, caution, chart, each)
    return node_view(html, summary, by_group, left_out, caution, chart, rows=True)


_CAUTION = (
    "The intervals take the images of a group as independent: not several of one animal or well. With few images they "
    "are rough; where they would reach below 0, they are shown from 0 on. Means of counts can be compared where all "
    "fields are equally large; where they are not, compare densities."
)


def _group_table(groups: "Sequence[Group]", column: str, unit: str) -> str:
    header = [
        column,
        "Images",
        "Objects",
        "Mean per image",
        "Standard deviation",
        "95 % interval, from",
        "to",
        f"Mean density (1/{unit})",
    ]
    rows = [
        [one.name, len(one.counts), sum(one.counts), one.mean, one.deviation, max(one.low, 0.0), one.high, one.density]
        for one in groups  # max keeps a low that is no number
    ]
    return table(header, rows)
