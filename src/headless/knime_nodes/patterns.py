"""Wildcards and regular expressions as KNIME means them."""

import re
import warnings

from core.errors import UserInputError


def compiled(pattern: str, *, is_regex: bool, case_sensitive: bool, of_cells: bool = False) -> re.Pattern[str]:
    """The pattern, to be matched against a whole text: * is any text and ? any character of a wildcard.

    Parameters
    ----------
    of_cells : for cells rather than names: . matches ends of lines, too, and the case of letters beyond ASCII counts.

    Raises
    ------
    UserInputError : no regular expression, or one that Java and Python understand differently.
    """
    flags = (0 if case_sensitive else re.IGNORECASE) | (re.DOTALL | re.MULTILINE if of_cells else 0)
    flags |= re.ASCII if case_sensitive or of_cells else 0
    if not is_regex:
        pattern = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # constructs of which Python says that they may change their meaning
            return re.compile(pattern, flags)
    except (re.error, FutureWarning, DeprecationWarning) as error:
        raise UserInputError(
            f"The regular expression {pattern!r} cannot be used here: {error}.",
            todo="Write it without what only Java understands.",
        ) from None
