"""A column that is chosen in a dialog, or the row ID or row number in its place."""

from collections.abc import Mapping
from typing import Any

from headless.knime_nodes import model

_BEFORE = {"<row-keys>": "ROW_ID", "<row-numbers>": "ROW_NUMBER"}


def chosen(stored: Mapping[str, Any], key: str) -> tuple[str, str]:
    """The column's name and what stands in its place, one of which is "".

    Parameters
    ----------
    key : as KNIME before 5.5 calls it; newer versions add V2 to it and store both apart.

    Raises
    ------
    UserInputError : there is no such setting, or one of another type.
    """
    if key in stored and f"{key}V2" not in stored:
        name = model.text(stored[key], "selected") if isinstance(stored[key], Mapping) else model.text(stored, key)
        return ("", _BEFORE[name]) if name in _BEFORE else (name, "")
    choice = model.group(stored, f"{key}V2")
    return model.text(choice, "regularChoice"), model.text(choice, "specialChoice_Internals")
