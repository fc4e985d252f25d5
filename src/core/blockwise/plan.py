"""What is decided once for a large image, before its tiles are looked at, and known to every worker.

All of it is laid down in the output folder, so that a run that was interrupted goes on with the same decisions.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.blockwise.config import BlockwiseConfig
from core.blockwise.pixels import read_crop, sampled_limits
from core.config import Config, require
from core.errors import UserInputError
from core.heads.base import Frame, Window
from core.image import channel_order
from core.inference.engines import with_statistics
from core.inference.predict import statistics_sample
from core.inference.tiling import Tile, even_tiles, round_up
from core.io.large import LargeImage, fitting_level
from core.io.units import pixel_size_doubt
from core.model import SegmentationModel
from core.progress import SILENT, Progress

CHUNK = 1024
"""Side of the chunks of the label image, in pixels."""

SMALLEST_REACH = 64
"""Objects are thought to go at least so far from their points, in pixels: to know more around a tile costs little."""


@dataclass(frozen=True)
class Plan(Config):
    """Decisions of a run.

    Parameters
    ----------
    image : path of the image.
    pages, damaged : how it is opened, see `open_large`.
    level : which of its levels is segmented.
    height, width : of this level in pixels; so are all coordinates of the results.
    pixel_size : of this level along Y and X in micrometres, empty where unknown.
    limits : low and high percentile of every channel, see `core.normalization.limits`.
    order : the image's channels in the order in which the model knows them, from 0; empty for their own.
    scale : by how much the image is enlarged before the network.
    grid, multiple, margin : of the network.
    tile : side of a tile's core in pixels of the enlarged image.
    reach : how far objects go from their point at most, in pixels, unless larger ones are found.
    skip_background : whether tiles without contrast are left out.
    thresholds : those in force.
    colour : whether the channels are the colours of a picture.
    """

    image: str = ""
    pages: str = "C"
    damaged: str = "fail"
    level: int = 0
    height: int = 0
    width: int = 0
    pixel_size: tuple[float, ...] = ()
    limits: tuple[tuple[float, float], ...] = ()
    order: tuple[int, ...] = ()
    scale: float = 1.0
    grid: int = 1
    multiple: int = 16
    margin: int = 0
    tile: int = 704
    reach: float = 64.0
    skip_background: bool = True
    thresholds: Mapping[str, float] = field(default_factory=dict)
    colour: bool = False

    @cached_property
    def tiles(self) -> list[Tile]:
        """The tiles, row by row, in pixels of the enlarged image."""
        shape = tuple(round_up(n, self.multiple) for n in self.enlarged)
        return list(even_tiles(shape, self.tile, self.margin, self.multiple))

    @property
    def enlarged(self) -> tuple[int, int]:
        """Height and width of the image as the network sees it, without padding."""
        return math.ceil(self.height * self.scale), math.ceil(self.width * self.scale)

    @property
    def maps(self) -> tuple[int, int]:
        """Height and width of the network's maps of the whole image."""
        height, width = self.enlarged
        return -(-height // self.grid), -(-width // self.grid)

    @property
    def frame(self) -> Frame:
        """How the maps lie on the image."""
        return Frame((self.height, self.width), self.grid, self.scale)

    @property
    def sizes(self) -> dict[str, float]:
        """Length of a pixel along Y and X in micrometres; empty where unknown."""
        return dict(zip("YX", self.pixel_size, strict=False))

    @property
    def between(self) -> NDArray[np.float64]:
        """The limits as `core.normalization.normalize` takes them."""
        return np.array(self.limits, np.float64)

    @property
    def shown(self) -> NDArray[np.float64]:
        """What is black and what is white in a picture, C x 2; colours are stretched alike."""
        if not self.colour:
            return self.between
        return np.tile([self.between[:, 0].min(), self.between[:, 1].max()], (len(self.limits), 1))

    @property
    def chunks(self) -> tuple[int, int]:
        """Rows and columns of chunks of the label image."""
        return -(-self.height // CHUNK), -(-self.width // CHUNK)

    def window(self, index: int, around: int = 0) -> Window:
        """A tile's core in pixels of the maps, with so many around it."""
        rows, columns = self.tiles[index].core
        top, left, bottom, right = (side // self.grid for side in (rows.start, columns.start, rows.stop, columns.stop))
        return Window(top, left, bottom, right).grown(around, *self.maps)

    def around(self, index: int, around: int) -> list[int]:
        """The tiles whose cores have pixels in the window of a tile."""
        seen = self.window(index, around)
        rows, columns = (
            range(bisect_right(starts, first) - 1, bisect_left(starts, stop))
            for starts, first, stop in zip(self._starts, (seen.top, seen.left), (seen.bottom, seen.right), strict=True)
        )
        return [row * len(self._starts[1]) + column for row in rows for column in columns]

    @cached_property
    def _starts(self) -> tuple[list[int], list[int]]:
        """The first rows and the first columns of the tiles in the maps."""
        rows, columns = ({tile.core[axis].start // self.grid for tile in self.tiles} for axis in (0, 1))
        return sorted(rows), sorted(columns)


def make_plan(
    image: LargeImage, model: SegmentationModel, config: BlockwiseConfig, progress: Progress = SILENT
) -> tuple[Plan, SegmentationModel]:
    """The decisions for an image, and the model with the image's statistics, see `with_statistics`.

    Percentiles are taken from an even grid of pixels, as `core.normalization` takes those of an image in memory.

    Raises
    ------
    UserInputError : another number of channels than the model's, no such level, an unknown threshold.
    """
    try:
        model.check_channels(image.channels)
    except UserInputError as error:
        raise error.at(str(image.path)) from None
    order = channel_order(image.channel_names, model.config.channel_names)
    require(config.level < len(image.levels), "level", config.level, f"0 to {len(image.levels) - 1} for this image")
    known = model.config.pixel_size
    level = config.level if config.level >= 0 else fitting_level(image, known) if known else 0
    chosen = image.levels[level]
    sizes = chosen.pixel_size
    network = model.network
    size = model.config.object_size
    reach = config.reach or max(SMALLEST_REACH, 4 * size)
    plan = Plan(
        image=str(image.path),
        pages=config.pages,
        damaged=config.damaged,
        level=level,
        height=chosen.height,
        width=chosen.width,
        pixel_size=(sizes["Y"], sizes["X"]) if {"Y", "X"} <= set(sizes) else (),
        limits=tuple(map(tuple, sampled_limits(image, level, model.config.normalization, progress).tolist())),
        order=() if order == sorted(order) else tuple(order),
        scale=model.config.scale,
        grid=network.config.grid,
        multiple=network.multiple,
        margin=network.tile_margin,
        tile=config.tile,
        reach=float(reach),
        skip_background=config.skip_background,
        thresholds=model.thresholds_with(config.thresholds),
        colour=image.is_colour,
    )
    progress.step(1.0, "statistics of the image")

    def read(rows: slice, columns: slice) -> NDArray[np.float32]:
        return read_crop(plan, image, (rows, columns))

    shape = (round_up(n, plan.multiple) for n in plan.enlarged)
    return plan, with_statistics(model, statistics_sample(read, *shape))


def level_warnings(image: LargeImage, level: int, wanted: float) -> list[str]:
    """What the user should know about a level where pixels of `wanted` µm would be best; 0 where unknown."""
    sizes = image.levels[level].pixel_size
    if len(image.levels) > 1 and (not wanted or not {"Y", "X"} <= sizes.keys()):
        lacking = "image" if wanted else "model"
        return [f"The {lacking} does not know its pixel size: resolution {level} of {len(image.levels)} was taken."]
    here = math.sqrt(sizes["Y"] * sizes["X"]) if {"Y", "X"} <= sizes.keys() else 0.0
    doubt = pixel_size_doubt("The pixels", here, wanted)
    return [doubt] if doubt else []
