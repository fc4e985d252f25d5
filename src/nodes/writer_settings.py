"""Which images the Segmentation Label Writer writes."""

import math
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.cells import rows
from nodes.columns import find_column, is_number, offered_column

if TYPE_CHECKING:
    from core.progress import Progress

AGREEMENT = "Object agreement"
"""The column of the Segmentation Predictor that is taken where no other is chosen."""


class Which(knext.EnumParameterOptions):
    """Which rows are written."""

    ALL = ("All images", "Every row with labels.")
    LEAST_CERTAIN = ("The least certain", "A few of them, chosen by a column of numbers.")


class Order(knext.EnumParameterOptions):
    """What numbers say about certainty."""

    SMALLEST = ("Smallest values", "As of Object agreement.")
    LARGEST = ("Largest values", "As of Object count, standard deviation.")


@knext.parameter_group("Images to write", since_version="0.2.0")
class SelectionSettings:
    """All of them, or those that are best worth a person's time."""

    which = knext.EnumParameter(
        "Write",
        "Which images are written.",
        Which.ALL.name,
        Which,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
        since_version="0.2.0",
    )
    most = knext.IntParameter(
        "How many",
        "So many images are written at most, the least certain ones; 1 to 1,000,000.",
        10,
        min_value=1,
        max_value=1_000_000,
        since_version="0.2.0",
    ).rule(knext.OneOf(which, [Which.LEAST_CERTAIN.name]), knext.Effect.SHOW)
    column = knext.ColumnParameter(
        "Certainty column",
        "Numbers by which images are chosen. Rows without a number come last.",
        0,
        is_number,
        since_version="0.2.0",
    ).rule(knext.OneOf(which, [Which.LEAST_CERTAIN.name]), knext.Effect.SHOW)
    order = knext.EnumParameter(
        "Least certain are the",
        "What the numbers of the column mean.",
        Order.SMALLEST.name,
        Order,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
        since_version="0.2.0",
    ).rule(knext.OneOf(which, [Which.LEAST_CERTAIN.name]), knext.Effect.SHOW)

    def column_in(self, schema: Any) -> str | None:
        """The column by which images are chosen; None where all are written.

        Raises
        ------
        knext.InvalidParametersError : the chosen column is missing or holds no numbers, or none can be guessed.
        """
        if self.which == Which.ALL.name:
            return None
        return find_column(schema, self.column, "certainty column", is_number, preferred=(AGREEMENT,))

    def offered(self, schema: Any) -> str | None:
        """The column that the dialog shows where all are written."""
        return offered_column(schema, self.column, is_number, preferred=(AGREEMENT,))

    def wanted(self, table: Any, label_column: str, progress: "Progress") -> set[str] | None:
        """Row IDs of the least certain images that have labels, of equally certain ones the first; None for all."""
        column = self.column_in(table.schema)
        if column is None:
            return None
        values: dict[str, float] = {}
        for row in rows(table):
            progress.step(0.0, "Looking for the least certain images")
            if not row.is_missing(label_column):
                value = row.value(column)
                values[row.id] = math.nan if value is None else float(value)
        sign = 1 if self.order == Order.SMALLEST.name else -1
        ranked = sorted(values, key=lambda one: (math.isnan(values[one]), sign * values[one]))
        return set(ranked[: self.most])
