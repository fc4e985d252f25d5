"""An image that knows its axes, its pixel size and what its numbers mean."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.errors import UserInputError
from core.normalization import PERCENTAGES, NormalizationConfig, limits_between, normalize

Kind = Literal["intensity", "labels", "probability"]
KINDS: tuple[str, ...] = get_args(Kind)

AXES = "TCZYX"
"""Time, channel, depth, row, column: the order in which every image of this library has its axes."""

RGB = ("red", "green", "blue")
"""Names of the channels of a colour picture."""

Labels = NDArray[np.int32]
"""Instance labels, axes YX (or ZYX): 0 is background, every object has one positive number."""


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels with their meaning.

    Parameters
    ----------
    array : one dimension per letter of `axes`.
    axes : letters of "TCZYX" in this order, at least "YX"; a colour picture is "CYX", its channels named as in `RGB`.
    pixel_size : length of a pixel along Z, Y, X in micrometres; axes of unknown size are absent.
    channel_names : one name per channel, or empty.
    kind : "intensity", "labels" (0 background, one positive number per object) or "probability" (0 to 1).
    percentiles : of a part of a larger image, or a slice of a stack, the percentiles of every channel of the whole, by
        which it is normalised, at `core.normalization.PERCENTAGES`; empty for an image of its own.

    Raises
    ------
    UserInputError : axes and array do not fit together, or a pixel size is not above 0.
    """

    array: NDArray[Any]
    axes: str
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    kind: Kind = "intensity"
    percentiles: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if [axis for axis in AXES if axis in self.axes] != list(self.axes):
            raise UserInputError(f"Axes {self.axes!r} are not in the order {AXES}.")
        if not self.axes.endswith("YX") or self.array.ndim != len(self.axes):
            raise UserInputError(f"Axes {self.axes!r} do not fit an array of shape {self.array.shape}.")
        if self.kind not in KINDS:
            raise UserInputError(f"Kind {self.kind!r} is none of {', '.join(KINDS)}.")
        if self.channel_names and len(self.channel_names) != self.size("C"):
            raise UserInputError(f"{len(self.channel_names)} channel names for {self.size('C')} channels.")
        if not all(0 < size < math.inf for size in self.pixel_size.values()):
            raise UserInputError(f"Pixel sizes are lengths above 0, these are {dict(self.pixel_size)}.")
        if self.percentiles and [len(of) for of in self.percentiles] != [len(PERCENTAGES)] * self.size("C"):
            raise UserInputError(f"Percentiles are {len(PERCENTAGES)} for each of {self.size('C')} channels.")

    def size(self, axis: str) -> int:
        """Number of pixels along an axis; 1 where the image has no such axis."""
        return int(self.array.shape[self.axes.index(axis)]) if axis in self.axes else 1

    @property
    def is_colour(self) -> bool:
        """Whether the first three channels are named red, green and blue."""
        return tuple(name.lower() for name in self.channel_names[:3]) == RGB

    def cyx(self) -> NDArray[Any]:
        """The pixels of a 2-D image, axes CYX, without copying.

        Raises
        ------
        UserInputError : the image is a stack or a time series.
        """
        extra = [a for a in "TZ" if self.size(a) > 1]
        if extra:
            kinds = " and ".join({"T": "a time series", "Z": "a Z-stack"}[a] for a in extra)
            raise UserInputError(
                f"The image is {kinds} (axes {self.axes}, shape {self.array.shape}), a 2-D image is needed.",
                todo="Choose a time point or slice, or a projection, when reading it.",
            )
        channels = self.size("C")
        return self.array.reshape(channels, self.size("Y"), self.size("X"))

    def czyx(self) -> NDArray[Any]:
        """The pixels of a 2-D image or a Z-stack, axes CZYX, without copying.

        Raises
        ------
        UserInputError : the image is a time series.
        """
        if self.size("T") > 1:
            raise UserInputError(
                f"The image is a time series of {self.size('T')} points, a 2-D image or a Z-stack is needed.",
                todo="Choose a time point when reading it.",
            )
        return self.array.reshape([self.size(axis) for axis in "CZYX"])

    def normalized(self, config: NormalizationConfig) -> NDArray[np.float32]:
        """The pixels of a 2-D image as networks see them, axes CYX; a part of a larger image is scaled as the whole."""
        whole = limits_between(self.percentiles, config) if self.percentiles else None
        return normalize(self.cyx(), config, whole)

    def in_order(self, names: Sequence[str]) -> "Image":
        """The image with its channels in the order of these names; as it is where its own are not the same ones."""
        order = channel_order(self.channel_names, names)
        if order == sorted(order):
            return self
        return replace(
            self,
            array=np.take(self.array, order, self.axes.index("C")),
            channel_names=tuple(names),
            percentiles=tuple(self.percentiles[i] for i in order) if self.percentiles else (),
        )

    def with_array(self, array: NDArray[Any], axes: str, kind: Kind) -> "Image":
        """Another array with this image's pixel size."""
        return replace(self, array=array, axes=axes, kind=kind, channel_names=(), percentiles=())


def check_numbers(pixels: NDArray[Any]) -> None:
    """Raise a UserInputError if there are no pixels, or values that are no numbers."""
    if not pixels.size:
        raise UserInputError("The image has no pixels.", todo="Remove it.")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        count = int((~np.isfinite(pixels)).sum())
        raise UserInputError(
            f"{count} pixels are not a number or infinite.", todo="Replace them before using the image."
        )


def channel_order(given: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where the channels of the wanted names are among the given ones; empty where these are not the same names."""
    if len(set(given)) < len(given) or sorted(given) != sorted(wanted):
        return []
    return [list(given).index(name) for name in wanted]


def amount_of_channels(count: int) -> str:
    """A number of channels in words."""
    return f"{count} channel{'s' * (count != 1)}"
