"""A learned style: one file with everything that giving it to an image needs.

The file, conventionally named `*.microseg-style`, is that of `core.model_file`.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from core.adaptation.style.cut.generator import STRIDE, Generator, GeneratorConfig
from core.config import Config, require
from core.devices import choose_device
from core.errors import UserInputError
from core.image import Image, amount_of_channels, check_numbers
from core.inference.tiling import even_tiles, round_up
from core.model_file import Stored, Weights, pack, unpack
from core.normalization import NormalizationConfig, limits, limits_between, normalize
from core.progress import SILENT, Progress

SCHEMA_VERSION = 1
"""Raised by one whenever an older program could not use a newer file."""

SUFFIX = ".microseg-style"

NORMALIZATION = NormalizationConfig(0.5, 99.5)
"""The percentiles of an image that are dark and bright."""

RANGE = 0.8
"""Dark and bright become minus and plus this for the network; what lies beyond minus and plus 1 is cut off."""

TILE = 256
"""Largest side of a tile's core in pixels."""

WHOLE = 2**20
"""A plane of at most so many pixels is computed as a whole. The statistics of a larger one, or of a stack, are those of
patches spread over it, so many pixels in all."""


@dataclass(frozen=True)
class StyleModelConfig(Config):
    """What a style is, and where it comes from.

    Parameters
    ----------
    generator : the network.
    normalization : percentiles of an image that the network takes for dark and bright.
    low, high : grey values of these percentiles in images of the style, one per channel.
    dtype : numbers of the style's images, a name of numpy's.
    pixel_size : of the style's images in micrometres, 0 where unknown.
    channel_names : of the style's images, or empty.
    provenance : settings of the training, number and fingerprint of the images.
    history : how the training went, see `core.adaptation.style.cut.train`.
    schema_version : version of the file format.
    """

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    normalization: NormalizationConfig = NORMALIZATION
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (255.0,)
    dtype: str = "uint8"
    pixel_size: float = 0.0
    channel_names: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, float], ...] = ()
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        channels = self.generator.channels
        require(len(self.low) == channels, "low", self.low, f"one number for each of {channels} channels")
        require(len(self.high) == channels, "high", self.high, f"one number for each of {channels} channels")
        require(np.dtype(self.dtype).kind in "iuf", "dtype", self.dtype, "whole or real numbers")


class StyleModel(Stored):
    """A network that gives images a style, and what is known of this style."""

    def __init__(self, config: StyleModelConfig) -> None:
        self.config = config
        self.generator = Generator(config.generator)

    def check_channels(self, image: Image) -> None:
        """Raise a UserInputError if an image has another number of channels than those learned from."""
        channels, wanted = image.size("C"), self.config.generator.channels
        if channels != wanted:
            raise UserInputError(
                f"The image has {amount_of_channels(channels)}, the style model was trained on {wanted}.",
                todo="Choose the same channels when reading the images, or train a style model on images of this kind.",
            )

    def apply(self, image: Image, progress: Progress = SILENT, device: str = "auto") -> Image:
        """The image in the style, with the grey values and the type of numbers of the style's images.

        An image above a million pixels is computed in tiles. These hold the statistics of the whole (`InstanceNorm`)
        and see all that their pixels depend on, so that tiles do not show.

        Parameters
        ----------
        image : 2-D, or a Z-stack, slice by slice: its percentiles and statistics are those of the stack.
        device : one of `core.devices.DEVICES`.

        Returns
        -------
        An image of the same size, axes, pixel size and channel names.

        Raises
        ------
        UserInputError : it has other channels, is a time series, or has values that are no numbers.
        Canceled : the user stopped the work.
        """
        self.check_channels(image)
        config = self.config
        planes = normalized_planes(image, config.normalization)
        where = torch.device(choose_device(device))
        generator = copy.deepcopy(self.generator).to(where).eval()
        low, high = (np.array(of, np.float32)[:, None, None] for of in (config.low, config.high))
        result = np.empty(planes.shape, config.dtype)
        for module in generator.modules():
            module.register_forward_pre_hook(lambda *_: progress.check())
        with torch.inference_mode():
            if len(planes) > 1 or planes[0, 0].size > WHOLE:
                generator.take_statistics(torch.from_numpy(_sample(planes)).to(where))
            for number, plane in enumerate(planes):
                part = progress.part(number / len(planes), (number + 1) / len(planes))
                grey = (np.clip(_translated(plane, generator, where, part), -1, 1) / RANGE + 1) / 2
                result[number] = _as_type(low + grey * (high - low), config.dtype)
        return replace(image, array=result.swapaxes(0, 1).reshape(image.array.shape), percentiles=())

    def summary(self) -> dict[str, Any]:
        """What a reader should know before applying the model, JSON-able; without weights and history."""
        data = self.config.to_dict()
        data.pop("history")
        return data

    def to_bytes(self) -> bytes:
        """The file's content."""
        return pack(self.config.to_dict(), self.generator.state_dict())

    @classmethod
    def from_bytes(cls, content: bytes | memoryview, name: str = "The style model") -> Self:
        """The model in a file's content.

        Parameters
        ----------
        content : what `to_bytes` gave.
        name : how messages call it, for instance the file's path.

        Raises
        ------
        ModelFormatError : no style model, damaged, or written by a newer version.
        """
        todo = "Train it again with the Style Transfer Learner, or get an undamaged copy."
        return unpack(content, cls._build, SCHEMA_VERSION, name, "style model", "generator", todo)

    @classmethod
    def _build(cls, data: dict[str, Any], weights: Weights) -> Self:
        model = cls(StyleModelConfig.from_dict(data))
        model.generator.load_state_dict(weights)
        return model


def normalized_planes(image: Image, normalization: NormalizationConfig) -> NDArray[np.float32]:
    """The slices of an image as the network takes them, axes ZCYX: its percentiles are plus and minus `RANGE`.

    Raises
    ------
    UserInputError : it is a time series, has no pixels, or values that are no numbers.
    """
    planes = image.czyx().swapaxes(0, 1)
    check_numbers(planes)
    between = limits_of_image(image, normalization)
    grey = np.stack([normalize(plane, normalization, between) for plane in planes])
    result: NDArray[np.float32] = np.clip((2 * grey - 1) * np.float32(RANGE), -1, 1)
    return result


def limits_of_image(image: Image, normalization: NormalizationConfig) -> NDArray[np.float64]:
    """The percentiles of every channel, C x 2; of a part of a larger image, those of the whole."""
    if image.percentiles:
        return limits_between(image.percentiles, normalization)
    pixels = image.czyx()
    return limits(pixels.reshape(len(pixels), -1, pixels.shape[-1]), normalization)


def _translated(
    plane: NDArray[np.float32], generator: Generator, device: torch.device, progress: Progress
) -> NDArray[np.float32]:
    """The network's result for a plane C Y X, in tiles where it is large."""
    padded = _rounded(plane)
    side = TILE if plane[0].size > WHOLE else max(padded.shape[1:])
    tiles = list(even_tiles(padded.shape[1:], side, generator.margin, STRIDE))
    result = np.empty_like(padded)
    for number, tile in enumerate(tiles):
        progress.step(number / len(tiles), "giving the image the style")
        crop = torch.from_numpy(padded[(slice(None), *tile.crop)])[None].to(device)
        part = generator(crop)[0].float().cpu().numpy()
        result[(slice(None), *tile.core)] = part[(slice(None), *tile.inner(1))]
    return result[:, : plane.shape[1], : plane.shape[2]]


def _rounded(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """A plane C Y X, mirrored below and to the right up to what the network takes."""
    height, width = (max(2 * STRIDE, round_up(n, STRIDE)) - n for n in plane.shape[1:])
    return np.pad(plane, ((0, 0), (0, height), (0, width)), mode="symmetric")


def _sample(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Patches spread over planes ZCYX, as the network takes them, axes NCYX."""
    side = min(TILE, *planes.shape[2:])
    count = max(1, WHOLE // side**2)
    return np.stack([_rounded(patch) for patch in _spread(planes, side, count)])


def _spread(planes: NDArray[np.float32], side: int, count: int) -> Iterator[NDArray[np.float32]]:
    """Square patches, evenly spread over slices, rows and columns, at most about `count`."""
    slices = np.linspace(0, len(planes) - 1, min(len(planes), count)).round().astype(int)
    along = max(1, int(np.sqrt(count / len(slices))))
    rows, columns = (np.unique(np.linspace(0, n - side, along).round().astype(int)) for n in planes.shape[2:])
    for z, y, x in product(slices, rows, columns):
        yield planes[z, :, y : y + side, x : x + side]


def _as_type(grey: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    """Grey values as numbers of a type: whole ones are rounded and kept in their range."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return grey.astype(kind)
    bounds = np.iinfo(kind)
    return np.clip(np.rint(grey.astype(np.float64)), bounds.min, bounds.max).astype(kind)
