"""Names that are not taken yet."""

from collections.abc import Container


def unused(name: str, taken: Container[str], form: str = "{name} (#{number})") -> str:
    """The name, or where it is taken, the first of its forms with 1, 2, ... that is not."""
    number, candidate = 1, name
    while candidate in taken:
        candidate = form.format(name=name, number=number)
        number += 1
    return candidate
