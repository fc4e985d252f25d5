"""Columns of images: their types, how one is found, how a new one is named."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import knime.extension as knext

IMAGE, LABELS, PREDICTED = "Image", "Labels", "Predicted labels"
"""Names that nodes give to their columns, and look for first."""

NONE = "<none>"
"""What KNIME stores where a user chose no column."""


def tensor_type() -> Any:
    """The type of a cell that holds an image as bytes, see `core.tensor_cell`."""
    from knime.types.builtin import DenseByteVectorValue

    return knext.logical(DenseByteVectorValue)


def png_type() -> Any:
    """The type of a cell that holds a PNG picture."""
    import PIL.Image

    return knext.logical(PIL.Image.Image)


def is_tensor(column: Any) -> bool:
    """Whether a column holds images as tensors."""
    return bool(column.ktype == tensor_type())


def is_image(column: Any) -> bool:
    """Whether a column holds images, as tensors or PNG pictures."""
    return bool(is_tensor(column) or column.ktype == png_type())


def is_text(column: Any) -> bool:
    """Whether a column holds text."""
    return bool(column.ktype == knext.string())


def is_number(column: Any) -> bool:
    """Whether a column holds numbers."""
    return bool(column.ktype in (knext.double(), knext.int32(), knext.int64()))


def is_group(column: Any) -> bool:
    """Whether a column can say which group a row belongs to: text or whole numbers."""
    return is_text(column) or column.ktype in (knext.int32(), knext.int64())


def find_column(
    schema: Any,
    chosen: str | None,
    what: str,
    fits: Callable[[Any], bool] = is_image,
    preferred: Sequence[str] = (),
    avoid: Iterable[str | None] = (),
) -> str:
    """The column that the user chose, or else the best guess.

    Parameters
    ----------
    schema : of the table.
    chosen : the user's choice, None or empty where none was made.
    what : how messages call the column, for instance "image column".
    fits : whether a column can be taken.
    preferred : names that are taken first. Otherwise the last tensor column is taken, or else the last that fits.
    avoid : columns that are not guessed, because they are used for something else.

    Raises
    ------
    knext.InvalidParametersError : the chosen column is missing or of the wrong type, or there is none to guess.
    """
    columns = {column.name: column for column in schema}
    if is_chosen(chosen):
        if chosen not in columns:
            raise knext.InvalidParametersError(f"The table has no column {chosen!r}. Choose another {what}.")
        if not fits(columns[chosen]):
            raise knext.InvalidParametersError(
                f"Column {chosen!r} is of the type {_type_name(columns[chosen])}, which the {what} cannot have. "
                f"{_hint(columns, fits)}"
            )
        return str(chosen)
    fitting = [name for name, column in columns.items() if fits(column) and name not in set(avoid)]
    tensors = [name for name in fitting if is_tensor(columns[name])]
    guesses = [*(name for name in preferred if name in fitting), *reversed(tensors), *reversed(fitting)]
    if not guesses:
        todo = "Connect a table with such a column, for instance of a Microscopy Image Reader"
        if any(map(fits, columns.values())):
            todo += ", or choose one in the node's dialog"
        raise knext.InvalidParametersError(f"The table has no column that could be the {what}. {todo}.")
    return str(guesses[0])


def offered_column(
    schema: Any,
    chosen: str | None,
    fits: Callable[[Any], bool] = is_image,
    preferred: Sequence[str] = (),
    avoid: Iterable[str | None] = (),
) -> str | None:
    """What a setting that is not in force shows: the user's choice, otherwise a guess if there is one."""
    if is_chosen(chosen):
        return chosen
    try:
        return find_column(schema, None, "column", fits, preferred, avoid)
    except knext.InvalidParametersError:
        return chosen


def check_optional_column(
    schema: Any, chosen: str | None, what: str, fits: Callable[[Any], bool] = is_image
) -> str | None:
    """The column that the user chose, None where none was chosen.

    Raises
    ------
    knext.InvalidParametersError : the chosen column is missing or of the wrong type.
    """
    return find_column(schema, chosen, what, fits) if is_chosen(chosen) else None


def is_chosen(column: str | None) -> bool:
    """Whether a column setting names a column."""
    return bool(column) and column != NONE


def unique_name(taken: Iterable[str], name: str) -> str:
    """The name, with a number behind it where it is taken: "Labels", "Labels (#1)", "Labels (#2)"."""
    names = taken if isinstance(taken, set) else set(taken)
    result, number = name, 0
    while result in names:
        number += 1
        result = f"{name} (#{number})"
    return result


def unique_names(taken: Iterable[str], columns: Iterable[Any]) -> list[Any]:
    """Columns renamed where their names are taken."""
    names, result = list(taken), []
    for column in columns:
        name = unique_name(names, column.name)
        names.append(name)
        result.append(knext.Column(column.ktype, name))
    return result


def plain_columns(schema: Any) -> list[Any]:
    """The columns that hold no images: what belongs to an image's row and travels with its results."""
    return [knext.Column(column.ktype, column.name) for column in schema if not is_image(column)]


def _type_name(column: Any) -> str:
    if is_tensor(column):
        return "image"
    names = {knext.string(): "text", knext.double(): "number", knext.int32(): "whole number", png_type(): "PNG image"}
    return names.get(column.ktype, str(column.ktype))


def _hint(columns: dict[str, Any], fits: Callable[[Any], bool]) -> str:
    fitting = [repr(name) for name, column in columns.items() if fits(column)]
    return f"These can: {', '.join(fitting)}." if fitting else "The table has no column that can."
