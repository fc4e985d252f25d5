"""Fourier domain adaptation (Yang and Soatto, CVPR 2020): coarse structure of the image, its strength as in the target.

The amplitudes of an image's lowest frequencies are replaced by those of a target image, the phases stay: brightness,
contrast of large areas and uneven illumination become those of the target, and everything stays where it is.

Two things are done so that no wave rings along the edges. An image is taken as if it went on mirrored, not as if it
began anew at its other side: its spectrum is then that of cosines (DCT-II), whose phase is a sign. And of an image with
padding only the rectangle with data is looked at, with what is left of the padding filled by mirrored pixels.

Frequencies are counted in waves per image, as in the paper, which makes all images as large as each other: target
images should show fields about as large as those that they are the style of.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.adaptation.style.method import Planes, Style, StyleConfig, bit_depth, full_scales, into, to_depth
from core.config import require
from core.errors import UserInputError
from core.padding import Mask, data_box, mirrored
from core.progress import SILENT, Progress

Spectrum = NDArray[np.float64]
"""Strength of cosines, axes C K L: K half waves along Y, L along X. The first is the mean grey value."""

DRAWN = 32
"""From so many planes of the target images, drawn at random, one is drawn for every image."""

ROWS = 256
"""Rows of a plane that are looked at once."""


@dataclass(frozen=True)
class FourierConfig(StyleConfig):
    """Fourier domain adaptation.

    Parameters
    ----------
    beta : the highest frequency that is replaced, in waves per pixel of the plane's shorter side, 0 (nothing is) to 0.5
        (all are); 0.01 to 0.1 in the paper.
    reference : "image" takes the amplitudes of one target image, drawn by the seed and the image's own pixels; "mean"
        takes the mean amplitudes of all.
    seed : 0 or more.
    """

    beta: float = 0.02
    reference: str = "image"
    seed: int = 0

    def __post_init__(self) -> None:
        require(0 <= self.beta <= 0.5, "beta", self.beta, "0 to 0.5")
        require(self.reference in ("image", "mean"), "reference", self.reference, "image or mean")
        require(self.seed >= 0, "seed", self.seed, "0 or more")


class FourierStyle(Style):
    """Every image gets the low-frequency amplitudes of a target image, or the mean of all."""

    def __init__(self, config: FourierConfig) -> None:
        super().__init__(config)
        self._config = config
        self._random = np.random.default_rng(config.seed)
        self._planes = 0
        self._known: list[Spectrum] = []
        self._sum = np.zeros((1, 0, 0))
        self._count = np.zeros((0, 0))

    def _look(self, plane: NDArray[Any], data: Mask | None) -> None:
        found = self._spectrum(_framed(plane, data)[1], SILENT)
        mean = found[:, 0, 0].copy()
        found = np.abs(found)
        found[:, 0, 0] = mean
        self._planes += 1
        if self._config.reference == "mean":
            width = max(len(self._count), found.shape[1])
            self._sum = _grown(self._sum, width) + _grown(found, width)
            self._count = _grown(self._count, width) + _grown(np.ones(found.shape[1:]), width)
        elif len(self._known) < DRAWN:
            self._known.append(found)
        elif (place := int(self._random.integers(self._planes))) < DRAWN:  # so that all planes are as likely
            self._known[place] = found

    def _change(self, planes: Planes, out: list[NDArray[Any]], progress: Progress) -> list[str]:
        dtype = planes.pixels[0].dtype
        if "f" in (dtype.kind, self.dtype.kind) and dtype.kind != self.dtype.kind:
            raise UserInputError(
                f"The image has {bit_depth(dtype)} grey values, the target images {bit_depth(self.dtype)} ones: their "
                "frequencies cannot be compared.",
                todo="Choose another method, standardise for instance, or read both with one type of numbers.",
            )
        scale = full_scales(dtype, self.dtype)
        warnings = [f"its grey values are multiplied by {scale:.6g} for that."] if scale != 1 else []
        target = self._drawn_for(planes.pixels)
        for plane, data, varies, result in zip(planes.pixels, planes.data, planes.varies, out, strict=True):
            progress.check()
            if not varies.any() or not self._config.beta:
                result[:] = to_depth(plane, self.dtype)
                continue
            frame, pixels = _framed(plane, data)
            own = self._spectrum(pixels, progress) * scale
            size = min(own.shape[1], target.shape[1])
            new = target[:, :size, :size] * np.where(own[:, :size, :size] < 0, -1, 1)
            new[:, 0, 0] = target[:, 0, 0]
            waves = np.where((varies & self.varied)[:, None, None], new - own[:, :size, :size], 0)
            for rows, added in _sum_of(waves, pixels.shape[1:], progress):
                part = into(pixels[:, rows] * scale + added, self.dtype)
                result[:, frame[0], frame[1]][:, rows] = part
            if data is not None:
                result[:, ~data] = 0
        if planes.flat:
            of = len(planes.pixels)
            warnings.append(f"{planes.flat} of {of} slices are black or of one value; they stay as they are.")
        return warnings

    def _drawn_for(self, pixels: list[NDArray[Any]]) -> Spectrum:
        """The spectrum that an image gets, whatever images came before it."""
        if self._config.reference == "mean":
            return self._sum / self._count
        known = 0
        for plane in pixels:
            known = zlib.crc32(np.ascontiguousarray(plane).data, known)
        return self._known[int(np.random.default_rng([self._config.seed, known]).integers(len(self._known)))]

    def _spectrum(self, pixels: NDArray[Any], progress: Progress) -> Spectrum:
        """The lowest frequencies of pixels C Y X."""
        height, width = pixels.shape[1:]
        count = min(int(2 * self._config.beta * min(height, width)) + 1, min(height, width))
        down, across = _cosines(count, height), _cosines(count, width)
        found = np.zeros((len(pixels), count, count))
        for rows in _blocks(height):
            progress.check()
            found += down[:, rows] @ (pixels[:, rows] @ across.T) / (height * width)
        return found


def _framed(plane: NDArray[Any], data: Mask | None) -> tuple[tuple[slice, slice], NDArray[Any]]:
    """The rectangle of a plane that has data, and its pixels C Y X, the rest of the padding filled."""
    frame = data_box(data)
    pixels = plane[:, frame[0], frame[1]]
    return frame, pixels if data is None else mirrored(pixels, data[frame])


def _sum_of(waves: Spectrum, shape: tuple[int, ...], progress: Progress) -> Iterator[tuple[slice, Spectrum]]:
    """Cosines added up, block by block: rows and their pixels C Y X."""
    count = waves.shape[1]
    down, across = _cosines(count, shape[0]), _cosines(count, shape[1])
    both = np.where(np.arange(count), 2.0, 1.0)  # each stands for two waves of the mirrored image, the mean for one
    waves = (waves * both[:, None] * both) @ across
    for rows in _blocks(shape[0]):
        progress.check()
        yield rows, down[:, rows].T @ waves


def _cosines(count: int, size: int) -> NDArray[np.float64]:
    """0, 1, ... half waves over so many pixels; axes: waves, pixels."""
    waves: NDArray[np.float64] = np.cos(np.pi / size * np.arange(count)[:, None] * (np.arange(size) + 0.5))
    return waves


def _blocks(height: int) -> list[slice]:
    return [slice(start, min(start + ROWS, height)) for start in range(0, height, ROWS)]


def _grown(square: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The last two axes filled up with zeros."""
    more = (0, width - square.shape[-1])
    return np.pad(square, [(0, 0)] * (square.ndim - 2) + [more, more])
