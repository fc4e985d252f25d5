"""What all ways of changing the style of images have in common: a style is learned once, then given to images."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.adaptation.style.distribution import PIECE, Distribution, Tally
from core.config import Config
from core.errors import UserInputError
from core.image import Image, amount_of_channels, check_numbers
from core.padding import Mask, data_mask
from core.progress import SILENT, Progress

NO_CONTRAST = "all pixels of the image have the same value"

MOST_PADDING = 0.5
"""Share of an image that may be padding without a warning."""


@dataclass(frozen=True)
class StyleConfig(Config):
    """What all styles are set by.

    Parameters
    ----------
    padding : zeros that fill an image up, see `padding`, are left out of all statistics and stay zero.
    """

    padding: bool = True


@dataclass(frozen=True, eq=False)
class Planes:
    """An image slice by slice.

    Parameters
    ----------
    pixels : of each plane, axes CYX; time points first.
    data : of each plane where it has data, see `data_mask`.
    varies : of each plane and channel whether it has more than one value there; axes N C.
    """

    pixels: list[NDArray[Any]]
    data: list[Mask | None]
    varies: NDArray[np.bool_]

    @classmethod
    def of(cls, image: Image, padding: bool, progress: Progress = SILENT) -> "Planes":
        """The planes of an image; the pixels are not copied."""
        pixels = as_planes(image.array, image)
        masks, varies = [], []
        for plane in pixels:
            progress.check()
            masks.append(data_mask(plane) if padding else None)
            varies.append([_varies(_with_data(channel, masks[-1])) for channel in plane])
        return cls(pixels, masks, np.array(varies))

    def grey_values(self, progress: Progress = SILENT) -> tuple[Distribution, ...]:
        """The grey values of every channel, without padding."""
        tallies = [Tally(self.pixels[0].dtype) for _ in self.pixels[0]]
        for plane, data in zip(self.pixels, self.data, strict=True):
            _count(tallies, plane, data, progress)
        return tuple(tally.distribution() for tally in tallies)

    def padding_doubt(self) -> list[str]:
        """A warning where most of the image is taken for padding; black slices do not count."""
        shares = [1 - float(data.mean()) for data in self.data if data is not None and data.any()]
        share = sum(shares) / max(1, len(self.data) - self.flat)
        if share <= MOST_PADDING:
            return []
        return [
            f"{share:.0%} of the image are zeros at its edges, taken for padding and left alone. If they are a real "
            "background, switch that off."
        ]

    @property
    def flat(self) -> int:
        """How many planes have no contrast in any channel."""
        return len(self.pixels) - int(self.varies.any(axis=1).sum())


class Style(ABC):
    """The look of target images, and how other images get it.

    `fit` looks at the target images one by one and keeps what it needs of them only. The result of `transfer` depends
    on them, on the configuration, and on the image: not on images before it.

    Attributes
    ----------
    channels : number of channels of the target images, and so of the images that can be changed.
    dtype : type of the pixels of the target images, and so of the result.
    varied : of each channel whether any target image has more than one value in it.
    target : the grey values of all target images together, without padding and slices without contrast; one
        distribution per channel.
    targets : number of target images that the style is made of.
    warnings : what is doubtful about the target images, one sentence or two each.
    """

    channels: int
    dtype: np.dtype[Any]
    varied: NDArray[np.bool_]

    def __init__(self, config: StyleConfig) -> None:
        self._padding = config.padding
        self.targets = 0
        self.warnings: tuple[str, ...] = ()
        self.target: tuple[Distribution, ...] = ()

    def fit(self, targets: Iterable[tuple[str, Image]], progress: Progress = SILENT) -> Self:
        """Learn the style of some images; once only.

        Parameters
        ----------
        targets : pairs of a name for messages and an image, any axes; looked at once, in order.
        progress : asked for cancellation.

        Raises
        ------
        UserInputError : no images, images of different channels or types of numbers, label images, pixels that are no
            numbers, no contrast in any image.
        """
        warnings, tallies, first = list[str](), list[Tally](), None
        for name, image in targets:
            try:
                check_image(image)
                if first is not None:
                    self._check_kind(image, first)
            except UserInputError as error:
                raise error.at(name) from None
            if first is None:
                first, self.channels, self.dtype = name, image.size("C"), image.array.dtype
                self.varied = np.zeros(self.channels, bool)
                tallies = [Tally(self.dtype) for _ in range(self.channels)]
            planes = Planes.of(image, self._padding, progress)
            for plane, data, varies in zip(planes.pixels, planes.data, planes.varies, strict=True):
                progress.check()
                if varies.any():
                    _count(tallies, plane, data, progress)
                    self._look(plane, data)
            self.targets += bool(planes.varies.any())
            self.varied = planes.varies.any(axis=0) | self.varied
            warnings += [f"{name}: {doubt}" for doubt in (*planes.padding_doubt(), *_flat_targets(planes))]
        if first is None:
            raise UserInputError("There is no target image.", todo="Give at least one, better ten or more.")
        if not self.targets:
            raise UserInputError(
                "No target image has a style: in each all pixels have the same value.",
                todo="Give target images that show something.",
            )
        if self.targets == 1:
            warnings.append("There is one target image only: its own content counts as style. Give ten or more.")
        for number in np.flatnonzero(~self.varied) + 1:
            warnings.append(f"Channel {number} of the target images has one value only: it is left as it is.")
        self.warnings = tuple(warnings)
        self.target = tuple(tally.distribution() for tally in tallies)
        return self

    def transfer(self, image: Image, progress: Progress = SILENT) -> tuple[Image, list[str]]:
        """An image in this style, and what is doubtful about it, one sentence or two each.

        Parameters
        ----------
        image : any axes, as many channels as the target images; a stack is changed slice by slice.
        progress : asked for cancellation at least once a second.

        Returns
        -------
        An image of the same size, axes, pixel size and channel names. Its pixels have the type of the target images';
        a warning says so where that is another. What was padding is zero. An image without contrast keeps its values.

        Raises
        ------
        UserInputError : another number of channels, labels, pixels that are no numbers.
        """
        check_image(image)
        if image.size("C") != self.channels:
            raise UserInputError(
                f"The image has {amount_of_channels(image.size('C'))}, the target images have "
                f"{amount_of_channels(self.channels)}.",
                todo="Choose the same channels of both when reading them.",
            )
        out = np.zeros(image.array.shape, self.dtype)
        planes = Planes.of(image, self._padding, progress)
        warnings = [*planes.padding_doubt(), *depths(image.array.dtype, self.dtype)]
        varied = planes.varies.any(axis=0)
        if not varied.any():
            warnings.append(f"{NO_CONTRAST}; it stays as it is.")
        else:
            flat = np.flatnonzero(~varied) + 1
            warnings += [f"channel {number} has one value only; it stays as it is." for number in flat]
        if (varied & self.varied).any():
            warnings += self._change(planes, as_planes(out, image), progress)
        for number in np.flatnonzero(~(varied & self.varied)):
            for plane, result in zip(planes.pixels, as_planes(out, image), strict=True):
                result[number] = to_depth(plane[number], self.dtype)
        return replace(image, array=out, percentiles=()), warnings

    def apply(self, image: Image, progress: Progress = SILENT) -> Image:
        """`transfer` without the warnings."""
        return self.transfer(image, progress)[0]

    def _look(self, plane: NDArray[Any], data: Mask | None) -> None:
        """Learn more than its grey values of a plane C Y X that has contrast."""
        return

    @abstractmethod
    def _change(self, planes: Planes, out: list[NDArray[Any]], progress: Progress) -> list[str]:
        """Fill `out`, planes of zeros of the target's type, where there are data; warnings.

        Channels that have one value only, in the image or in all target images, are not looked at.
        """

    def _check_kind(self, image: Image, first: str) -> None:
        if image.size("C") != self.channels:
            raise UserInputError(
                f"The image has {amount_of_channels(image.size('C'))}, but {first} has "
                f"{amount_of_channels(self.channels)}.",
                todo="Give target images of one kind.",
            )
        if image.array.dtype != self.dtype:
            raise UserInputError(
                f"The image has {bit_depth(image.array.dtype)} grey values, but {first} has {bit_depth(self.dtype)} "
                "ones.",
                todo="Give target images of one bit depth.",
            )


def check_image(image: Image) -> None:
    """Raise a UserInputError if an image has no grey values that could be changed."""
    kind = image.array.dtype.kind
    if image.kind == "labels" or kind not in "iuf":
        what = "labels" if image.kind == "labels" else "a mask of true and false"
        raise UserInputError(f"The image is {what}, which has no style.", todo="Choose the column of images.")
    check_numbers(image.array)


def as_planes(array: NDArray[Any], image: Image) -> list[NDArray[Any]]:
    """An array of an image's size slice by slice: views with the axes CYX, time points first."""
    time, channels, depth, height, width = (image.size(axis) for axis in "TCZYX")
    full = array.reshape(time, channels, depth, height, width)
    return [full[t, :, z] for t in range(time) for z in range(depth)]


def to_depth(pixels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Pixels as another type of numbers, whole numbers multiplied so that full scale stays full scale."""
    return pixels if pixels.dtype == dtype else into(pixels * full_scales(pixels.dtype, dtype), dtype)


def full_scales(source: np.dtype[Any], target: np.dtype[Any]) -> float:
    """By what whole numbers of one type are multiplied to use the range of another: 257 for 8 to 16 bit, else 1."""
    if source == target or "f" in (source.kind, target.kind):
        return 1.0
    return float(np.iinfo(target).max) / float(np.iinfo(source).max)


def into(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Real values as a type of numbers; whole ones are rounded and clipped to its range."""
    if dtype.kind == "f":
        return values.astype(dtype)
    bounds = np.iinfo(dtype)
    most = float(bounds.max)
    if int(most) > bounds.max:  # 64 bits are more than a float has
        most = float(np.nextafter(most, 0))
    whole: NDArray[Any] = np.clip(np.rint(values), bounds.min, most).astype(dtype)
    return whole


def bit_depth(dtype: np.dtype[Any]) -> str:
    """A type of numbers in words: "8-bit", "signed 16-bit", "32-bit floating-point"."""
    bits = f"{8 * dtype.itemsize}-bit"
    return {"u": bits, "i": f"signed {bits}", "f": f"{bits} floating-point"}[dtype.kind]


def depths(source: np.dtype[Any], target: np.dtype[Any]) -> list[str]:
    """A warning where an image gets another type of numbers."""
    if source == target:
        return []
    return [f"the image has {bit_depth(source)} grey values, its new look {bit_depth(target)} ones."]


def _count(tallies: Sequence[Tally], plane: NDArray[Any], data: Mask | None, progress: Progress) -> None:
    """Count the pixels of every channel of a plane C Y X."""
    step = max(1, PIECE // plane.shape[2])
    for tally, channel in zip(tallies, plane, strict=True):
        for start in range(0, len(channel), step):
            progress.check()
            rows = slice(start, start + step)
            tally.add(_with_data(channel[rows], None if data is None else data[rows]))


def _with_data(channel: NDArray[Any], data: Mask | None) -> NDArray[Any]:
    return channel if data is None else channel[data]


def _varies(values: NDArray[Any]) -> bool:
    return bool(values.size and values.min() != values.max())


def _flat_targets(planes: Planes) -> list[str]:
    flat, count = planes.flat, len(planes.pixels)
    if not flat:
        return []
    if flat == count:
        return [f"{NO_CONTRAST}; it is left out."]
    return [f"{flat} of {count} slices are black or of one value; they are left out."]
