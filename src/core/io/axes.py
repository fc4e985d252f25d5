"""Any order of axes brought into ours, TCZYX."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import ImageReadError
from core.image import AXES, RGB

Pages = Literal["Z", "C", "T"]
"""What pages mean whose file does not say it."""

_UNDECLARED = "QI"  # tifffile's letters for "other" and "sequence of pages"


def canonical(array: NDArray[Any], axes: str, pages: Pages) -> tuple[NDArray[Any], str]:
    """The array with its axes in the order TCZYX, without those of length 1 (Y and X always stay).

    Parameters
    ----------
    array : one dimension per letter of `axes`.
    axes : tifffile's letters: T C Z Y X, S (samples, merged into C), Q and I (undeclared).
    pages : what one undeclared axis means.

    Raises
    ------
    ImageReadError : an axis that has no place in TCZYX, or more than one undeclared axis.
    """
    keep = [i for i, (axis, n) in enumerate(zip(axes, array.shape, strict=True)) if n != 1 or axis in "YX"]
    array = array.reshape([array.shape[i] for i in keep])
    axes = "".join(axes[i] for i in keep)
    undeclared = [axis for axis in axes if axis in _UNDECLARED]
    if len(undeclared) == 1 and pages not in axes:
        axes = axes.replace(undeclared[0], pages)
    if any(axis in _UNDECLARED for axis in axes):
        raise ImageReadError(
            f"The file does not say what the axes of its {array.shape} pixels mean ({axes}; Q and I are undeclared).",
            todo="Export it as OME-TIFF.",
        )
    samples_only = "S" in axes and "C" not in axes
    axes = axes.replace("S", "C") if samples_only else axes
    if sorted(set(axes)) != sorted(axes) or not set(axes) <= set(AXES + "S") or not set("YX") <= set(axes):
        raise ImageReadError(
            f"Its axes {axes} (shape {array.shape}) are more than time, channel, Z, Y and X.",
            todo="Export it as OME-TIFF with these axes only.",
        )
    wanted = [axis for axis in "TCSZYX" if axis in axes]
    array = array.transpose([axes.index(axis) for axis in wanted])
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
