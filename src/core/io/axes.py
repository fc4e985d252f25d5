"""Any order of axes brought into ours, TCZYX."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import ImageReadError
from core.image import AXES, RGB

Pages = Literal["Z", "C", "T"]
"""What pages mean whose file does not say it."""

_UNDECLARED = "QI"  # tifffile's letters for "other" and "sequence of pages"


def name_axes(shape: tuple[int, ...], axes: str, pages: Pages) -> str:
    """What the axes of an array are, one letter for each: T C Z Y X, S (samples of C), "-" for one that is left out.

    Left out are axes of length 1; Y and X always stay. Samples without channels beside them are channels.

    Parameters
    ----------
    axes : tifffile's letters: T C Z Y X, S (samples), Q and I (undeclared).
    pages : what one undeclared axis means.

    Raises
    ------
    ImageReadError : an axis that has no place in TCZYX, or more than one undeclared axis.
    """
    named = "".join(axis if n != 1 or axis in "YX" else "-" for axis, n in zip(axes, shape, strict=True))
    undeclared = [axis for axis in named if axis in _UNDECLARED]
    if len(undeclared) == 1 and pages not in named:
        named = named.replace(undeclared[0], pages)
    left, held = named.replace("-", ""), tuple(n for axis, n in zip(named, shape, strict=True) if axis != "-")
    if any(axis in _UNDECLARED for axis in left):
        raise ImageReadError(
            f"The file does not say what the axes of its {held} pixels mean ({left}; Q and I are undeclared).",
            todo="Export it as OME-TIFF.",
        )
    if "S" in left and "C" not in left:
        named, left = named.replace("S", "C"), left.replace("S", "C")
    if sorted(set(left)) != sorted(left) or not set(left) <= set(AXES + "S") or not set("YX") <= set(left):
        raise ImageReadError(
            f"Its axes {left} (shape {held}) are more than time, channel, Z, Y and X.",
            todo="Export it as OME-TIFF with these axes only.",
        )
    return named


def canonical(array: NDArray[Any], axes: str, pages: Pages) -> tuple[NDArray[Any], str]:
    """The array with its axes in the order TCZYX, without those of length 1 (Y and X always stay).

    Samples are merged into the channels.

    Parameters
    ----------
    array : one dimension per letter of `axes`.
    axes, pages : see name_axes.

    Raises
    ------
    ImageReadError : an axis that has no place in TCZYX, or more than one undeclared axis.
    """
    named = name_axes(array.shape, axes, pages)
    array = array.reshape([n for axis, n in zip(named, array.shape, strict=True) if axis != "-"])
    named = named.replace("-", "")
    wanted = [axis for axis in "TCSZYX" if axis in named]
    array = array.transpose([named.index(axis) for axis in wanted])
    if "S" in wanted:
        c = wanted.index("C")
        array = array.reshape((*array.shape[:c], -1, *array.shape[c + 2 :]))
        wanted.remove("S")
    return np.ascontiguousarray(array), "".join(wanted)


def simplify_colour(array: NDArray[Any], c: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """A colour picture without what says nothing.

    An alpha channel that is the same everywhere is dropped, one that varies stays as a channel; three equal colours
    become one grey channel.

    Parameters
    ----------
    array : any axes, the one at `c` has 2 (grey, alpha), 3 (RGB) or 4 (RGBA) entries.
    c : index of that axis.

    Returns
    -------
    The array, the axis `c` always kept, and its channel names (none for grey).
    """
    channels = [np.take(array, i, axis=c) for i in range(array.shape[c])]
    alpha = channels.pop() if len(channels) in (2, 4) else None
    if alpha is not None and alpha.size and (alpha == alpha.flat[0]).all():
        alpha = None
    names: tuple[str, ...] = RGB
    if len(channels) == 1 or (np.array_equal(channels[0], channels[1]) and np.array_equal(channels[0], channels[2])):
        channels, names = channels[:1], ("grey",)
    if alpha is not None:
        return np.stack([*channels, alpha], axis=c), (*names, "alpha")
    return np.stack(channels, axis=c), names if len(channels) == 3 else ()
