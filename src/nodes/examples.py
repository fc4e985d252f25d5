"""Tables of labelled images as examples to learn from, and a training as a table of epochs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import rows, small_table
from nodes.columns import IMAGE, LABELS, PREDICTED, find_column
from nodes.running import amount
from nodes.settings import MissingExamples

if TYPE_CHECKING:
    from core.training.checkpoint import Row
    from core.training.data import Example, Target

LABEL_NAMES = (LABELS, "labels", "Label", "label", "Masks", "Mask", "masks", "mask", "Truth", "truth")
"""Names of label columns that are taken first."""

VALIDATION = "Validation images"
"""What messages call the second table of a training."""

TARGET = "Target images"
"""What messages call the table of images without labels."""

HISTORY = (
    ("Epoch", "epoch", knext.int32),
    ("Training loss", "train_loss", knext.double),
    ("Validation loss", "validation_loss", knext.double),
    ("Learning rate", "learning_rate", knext.double),
    ("Seconds", "seconds", knext.double),
)
"""Columns of the table of epochs, and what the library calls them."""

LOOKS = (
    ("Target objects", "objects", knext.int32),
    ("Target solidity", "solidity", knext.double),
    ("Target diameter (px)", "object_size", knext.double),
    ("Target density (1/Mpx)", "density", knext.double),
    ("Target area fraction", "area_fraction", knext.double),
    ("Target confidence", "confidence", knext.double),
    ("Target threshold", "threshold", knext.double),
    ("Target deviation", "deviation", knext.double),
    ("Target criterion", "criterion", knext.double),
)
"""Further ones, of what the model found on target images after every epoch."""


def example_columns(schema: Any, image: str | None, labels: str | None) -> tuple[str, str]:
    """The image and the label column of a table to learn from.

    Raises
    ------
    knext.InvalidParametersError : a column is missing, of the wrong type, or used twice.
    """
    label_column = find_column(schema, labels, "label column", preferred=LABEL_NAMES, avoid=[image, IMAGE])
    image_column = find_column(schema, image, "image column", preferred=(IMAGE,), avoid=[label_column])
    if image_column == label_column:
        raise knext.InvalidParametersError(
            f"Column {image_column!r} is chosen both as image column and as label column. Choose two columns."
        )
    return image_column, label_column


def check_columns(name: str, schema: Any, image: str, labels: str) -> None:
    """Check that a further table, of this name, has the columns of the labelled images.

    Raises
    ------
    knext.InvalidParametersError : a column is missing or of the wrong type.
    """
    try:
        example_columns(schema, image, labels)
    except knext.InvalidParametersError as error:
        raise knext.InvalidParametersError(
            f"{name}: {error} They need the same columns as the labelled images."
        ) from None


def read_examples(
    table: Any, image: str, labels: str, missing: str, ctx: Any, name: str = ""
) -> "tuple[list[Example], list[str]]":
    """The labelled images of a table, of stacks their slices; and warnings, such as about rows that were skipped.

    Parameters
    ----------
    table : with the image and the label column; None gives no examples.
    missing : a name of `MissingExamples`.
    name : what messages call the table, where there are two.

    Raises
    ------
    UserInputError : a cell that is no image or no labels, or a missing one where that is to fail.
    Canceled : the user stopped the work.
    """
    from core.errors import Canceled, UserInputError
    from core.training.slices import slice_examples

    examples: list[Example] = []
    skipped: list[str] = []
    doubts: list[str] = []
    for row in rows(table) if table is not None else ():
        if ctx.is_canceled():
            raise Canceled
        ctx.set_progress(0.0, f"Reading {row.id}")
        try:
            pixels, truth = row.image(image), row.labels(labels, stacks=True)
            if pixels is not None and truth is not None:
                found, more = slice_examples(str(row), pixels, truth.array)
                prefix = f"{name}, " if name else ""
                examples += [replace(one, name=prefix + one.name) for one in found]
                doubts += [prefix + doubt for doubt in more]
                continue
            if missing == MissingExamples.FAIL.name:
                raise UserInputError(
                    "The cell is missing.",
                    where=row.at(image if pixels is None else labels),
                    todo="Remove the row, or let rows without image or labels be skipped.",
                )
        except UserInputError as error:
            raise error.at(name) if name else error from None
        skipped.append(row.id)
    if table is not None and not examples:
        raise UserInputError(
            f"The table has no row with an image in column {image!r} and labels in column {labels!r}.",
            where=name,
            todo="Give at least one labelled image.",
        )
    if skipped:
        where = f"{name}: " if name else ""
        doubts.append(f"{where}{amount(len(skipped), 'row')} without image or labels skipped: {listed(skipped)}.")
    return examples, doubts


def target_column(schema: Any, image: str, labels: str, name: str = TARGET) -> str:
    """The image column of a table of images without labels: of the labelled images' name where there is one.

    Parameters
    ----------
    image, labels : columns of the labelled images; labels are never taken for images.

    Raises
    ------
    knext.InvalidParametersError : there is none.
    """
    try:
        return find_column(
            schema, None, "image column", preferred=(image, IMAGE), avoid={labels, *LABEL_NAMES, PREDICTED} - {image}
        )
    except knext.InvalidParametersError as error:
        raise knext.InvalidParametersError(f"{name}: {error}") from None


def read_targets(
    table: Any, column: str, missing: str, ctx: Any, name: str = TARGET
) -> "tuple[list[Target], list[str]]":
    """The images of a table without labels, of stacks their slices; and warnings, such as about rows that were skipped.

    Parameters
    ----------
    table : with the image column, see `target_column`; None gives no images.
    missing : a name of `MissingExamples`.
    name : what messages call the table.

    Raises
    ------
    UserInputError : no image at all, a cell that is no image, or a missing one where that is to fail.
    Canceled : the user stopped the work.
    """
    from core.errors import Canceled, UserInputError
    from core.planes import slices
    from core.training.data import Target

    columns = " or ".join(map(repr, dict.fromkeys((column, IMAGE))))
    found: list[Target] = []
    skipped: list[str] = []
    for row in rows(table) if table is not None else ():
        if ctx.is_canceled():
            raise Canceled
        ctx.set_progress(0.0, f"Reading {row.id}")
        try:
            image = row.unlabelled(column, f"Give a table whose images are in a column {columns}.")
            if image is not None:
                found += [Target(f"{name}, {where}", one) for where, one in slices(image, str(row))]
                continue
            if missing == MissingExamples.FAIL.name:
                raise UserInputError(
                    "The cell is missing.", where=row.at(column), todo="Remove the row, or let such rows be skipped."
                )
        except UserInputError as error:
            raise error.at(name) from None
        skipped.append(row.id)
    if table is not None and not found:
        raise UserInputError(
            f"The table has no row with an image in column {column!r}.",
            where=name,
            todo="Give at least one image of the kind that the model is meant for.",
        )
    doubts = [f"{name}: {amount(len(skipped), 'row')} without image skipped: {listed(skipped)}."] if skipped else []
    return found, doubts


def history_columns(*, target: bool = False) -> list[Any]:
    """The columns of the table of epochs, with those of `LOOKS` where there are target images."""
    return [knext.Column(kind(), name) for name, _, kind in (HISTORY + LOOKS if target else HISTORY)]


def history_table(history: "list[Row]", *, target: bool = False) -> Any:
    """One row per epoch, see `history_columns`."""
    ids = [f"Epoch {int(row['epoch'])}" for row in history]
    return small_table(history_columns(target=target), ids, history_values(history, target=target))


def history_values(history: "Sequence[Row]", *, target: bool = False) -> list[list[Any]]:
    """The values of `history_columns`, column by column; None where an epoch has none."""

    def value(row: "Row", key: str, kind: Any) -> Any:
        found = row.get(key)
        return int(found) if found is not None and kind is knext.int32 else found

    return [[value(row, key, kind) for row in history] for _, key, kind in (HISTORY + LOOKS if target else HISTORY)]
