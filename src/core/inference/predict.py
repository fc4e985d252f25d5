"""Segmenting an image: normalise, predict, decode."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.background import is_background
from core.config import require
from core.devices import choose_device
from core.image import Image
from core.inference.engines import WHOLE, core_maps, has_group_norm, make_engine, with_statistics
from core.inference.tiling import round_up, tiles
from core.model import SegmentationModel
from core.model_summary import check_segments, has_first_objects
from core.progress import SILENT, Progress
from core.rescaling import rescale_pixels

AUTO_TILE = 2048
"""Images up to this many pixels a side are predicted whole; larger ones in tiles of this size."""

SAMPLE = 128
"""Side of the patches that stand for an image too large to be predicted whole; in pixels."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model found in an image.

    Parameters
    ----------
    labels : int32, axes YX, objects numbered from 1.
    scores : float32, the object's probability, 0 to 1; the first belongs to object 1.
    thresholds : the thresholds that were used.
    """

    labels: Image
    scores: NDArray[np.float32]
    thresholds: dict[str, float]


class Predictor:
    """A model ready to segment many images.

    Parameters
    ----------
    model : a trained model.
    device : "auto", "cpu", "cuda" or "mps".
    engine : "auto", "torch" or "onnx".
    tile : pixels of a tile's side, 64 or more, or 0 to choose by the image's size; no tile is larger than 2048. It
        changes time and memory, not the result. With group normalisation smaller tiles save no memory: its statistics
        are taken from up to 2048 x 2048 pixels at a time.

    Raises
    ------
    UserInputError : device or engine are not there, or the model cannot segment yet. One that has learned to tell
        magnifications apart, without any label, is not refused: its objects are guesses.
    """

    def __init__(self, model: SegmentationModel, device: str = "auto", engine: str = "auto", tile: int = 0) -> None:
        learned = {"pretext": model.config.pretext}
        check_segments(learned, guesses=True)
        self.guesses = has_first_objects(learned)
        require(tile == 0 or tile >= 64, "tile", tile, "0 (automatic) or 64 pixels or more")
        self.model, self.device, self.tile = model, choose_device(device), min(tile or AUTO_TILE, AUTO_TILE)
        self._engine, self._run = engine, make_engine(model, engine, self.device)

    def maps(self, pixels: NDArray[np.float32], progress: Progress = SILENT) -> NDArray[np.float32]:
        """The head's activated maps of a whole image.

        Parameters
        ----------
        pixels : normalised pixels, axes CYX, of any height and width.

        Returns
        -------
        float32, K Y/grid X/grid, Y and X of the image enlarged by the model's scale and rounded up to multiples of
        the grid.
        """
        network, grid = self.model.network, self.model.config.network.grid
        pixels = rescale_pixels(pixels, self.model.config.scale)
        height, width = pixels.shape[1:]
        shape = (round_up(height, network.multiple), round_up(width, network.multiple))
        padded = np.pad(pixels, ((0, 0), (0, shape[0] - height), (0, shape[1] - width)), mode="symmetric")
        if max(shape) <= self.tile:
            progress.check()
            result = self._run(padded, WHOLE)
        else:
            result = self._tiled(padded, progress)
        return result[:, : -(-height // grid), : -(-width // grid)]

    def _tiled(self, padded: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        network, grid = self.model.network, self.model.config.network.grid
        plan = list(tiles(padded.shape[1:], self.tile, network.tile_margin, network.multiple))
        result = np.empty(0, np.float32)
        progress.step(0.0, f"{len(plan)} tiles")
        run = self._run
        if has_group_norm(self.model):
            sample = statistics_sample(lambda rows, columns: padded[:, rows, columns], *padded.shape[1:])
            run = make_engine(with_statistics(self.model, sample), self._engine, self.device)
        for done, tile in enumerate(plan):
            progress.step(done / len(plan), f"tile {done + 1} of {len(plan)}")
            part = core_maps(run, network, np.ascontiguousarray(padded[(slice(None), *tile.crop)]), tile)
            if not result.size:
                result = np.empty((len(part), *(n // grid for n in padded.shape[1:])), np.float32)
            result[(slice(None), *tile.outer(grid))] = part
        return result

    def predict(
        self, image: Image, thresholds: Mapping[str, float] | None = None, progress: Progress = SILENT
    ) -> Prediction:
        """Segment an image.

        Parameters
        ----------
        image : a 2-D image of any size, with the model's number of channels; they come in the order of their names
            where they are named as the model's.
        thresholds : thresholds instead of the model's own, all or some of them.

        Raises
        ------
        UserInputError : wrong number of channels, no 2-D image, or an unknown threshold.
        Canceled : the user stopped the work.
        """
        self.model.check_channels(image.size("C"))
        used = self.model.thresholds_with(thresholds or {})
        config, shape = self.model.config, (image.size("Y"), image.size("X"))
        pixels = image.in_order(config.channel_names).normalized(config.normalization)
        prediction = self.maps(pixels, progress.part(0.0, 0.8))
        progress.step(0.8, "objects")
        if self.guesses:
            from core.pretraining.magnification.first_objects import first_objects

            found = first_objects(prediction[0], used["prob"])
        else:
            found = self.model.head.decode(prediction, shape, config.network.grid, used, config.scale)
        progress.step(1.0, f"{len(found.scores)} objects")
        return Prediction(image.with_array(found.labels, "YX", "labels"), found.scores, used)


def statistics_sample(
    read: Callable[[slice, slice], NDArray[np.float32]], height: int, width: int
) -> NDArray[np.float32]:
    """What stands for an image where a network sums over all of it, C Y X.

    That is the image itself if it can be predicted whole. Of a larger one it is 64 patches side by side, spread evenly
    over what is not background: a network has learned from patches with objects on them.

    Parameters
    ----------
    read : normalised pixels C Y X of rows and columns.
    """
    if max(height, width) <= AUTO_TILE:
        return np.ascontiguousarray(read(slice(0, height), slice(0, width)))
    side = min(SAMPLE, height, width)
    rows, columns = ([int(i * (n - side) / 15) for i in range(16)] for n in (height, width))
    patches = [read(slice(y, y + side), slice(x, x + side)) for y in rows for x in columns]
    patches = [patch for patch in patches if not is_background(patch)] or patches
    chosen = np.stack([patches[int(i)] for i in np.linspace(0, len(patches) - 1, 64)]).reshape(8, 8, -1, side, side)
    return np.ascontiguousarray(chosen.transpose(2, 0, 3, 1, 4).reshape(-1, 8 * side, 8 * side))
