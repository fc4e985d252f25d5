"""How much images must be enlarged so that their objects are as large as those that a model knows."""

from collections.abc import Sequence

from core.errors import UserInputError
from core.inference.predict import Predictor
from core.measurement.size import typical_diameter
from core.model import SegmentationModel
from core.progress import SILENT, Progress
from core.training.data import Example, prepare
from core.training.halves import cut
from core.training.thresholds import score_thresholds

ALIKE = 1.25
"""Sizes that differ by no more than this factor are taken as the same: patches are varied by more than that."""

AS_WELL, WELL = 0.9, 0.1
"""A model does well without matching sizes if its mean average precision is this share of that with it, and so much."""

DOUBTFUL = 1.5
"""Pixel sizes that differ by more than this factor after rescaling are worth a warning."""


def matching_scale(given: SegmentationModel, diameter: float) -> float:
    """The scale at which objects of a diameter are as large for the network as those that it was trained on.

    Parameters
    ----------
    diameter : typical diameter of the objects in pixels; 0 where there are none.

    Returns
    -------
    The scale for `ModelConfig`; the model's own where sizes are alike, or the model does not know its objects' size.

    Raises
    ------
    UserInputError : the objects are far outside the range of sizes that images can be rescaled by.
    """
    known = given.config.object_size * given.config.scale
    if not known or not diameter:
        return given.config.scale
    ratio = known / (diameter * given.config.scale)
    if 1 / ALIKE <= ratio <= ALIKE:
        return given.config.scale
    if not 1 / 8 <= known / diameter <= 8:
        raise UserInputError(
            f"The labelled objects have a diameter of {diameter:.3g} pixels, those that the model was trained on of "
            f"{known:.3g}: images cannot be rescaled by more than a factor of 8.",
            todo="Check the labels, start from a model of objects of a more similar size, or do not match sizes.",
        )
    return known / diameter


def best_scale(
    given: SegmentationModel, examples: Sequence[Example], device: str = "auto", progress: Progress = SILENT
) -> float:
    """The scale that matches the sizes of objects, or the model's own if it does well there without any training.

    Raises
    ------
    UserInputError : as `matching_scale`.
    """
    own, matching = given.config.scale, matching_scale(given, typical_diameter([e.labels for e in examples]))
    if own == matching:
        return own
    # On an image without objects a model that finds nothing at all is perfect: that tells nothing.
    labelled = [e for e in examples if e.labels.any()]
    # In two parts of a single image the few largest objects count for less.
    known = prepare(labelled if len(labelled) > 1 else cut(labelled[0]), given.config.normalization)
    without, matched = (
        score_thresholds(Predictor(at_scale(given, scale), device), known, [given.thresholds], part).mean()
        for scale, part in ((own, progress.part(0.0, 0.5)), (matching, progress.part(0.5, 1.0)))
    )
    return own if without > matched or without >= max(WELL, AS_WELL * matched) else matching


def at_scale(given: SegmentationModel, scale: float) -> SegmentationModel:
    """A copy that enlarges images by another factor, and so is made for objects and pixels of another size."""
    config = given.config
    ratio = config.scale / scale
    return given.copy().with_config(
        scale=scale, object_size=config.object_size * ratio, pixel_size=config.pixel_size / ratio
    )


def size_warnings(given: SegmentationModel, scale: float, diameter: float, pixel_size: float) -> list[str]:
    """What does not fit together between a model and new images that are rescaled.

    Parameters
    ----------
    scale : by which the new images are enlarged for the network.
    diameter : typical diameter of the new objects in pixels, 0 where there are none.
    pixel_size : of the new images in micrometres, 0 where unknown.
    """
    warnings = []
    config = given.config
    objects = diameter * scale / (config.object_size * config.scale) if config.object_size else 1.0
    pixels = pixel_size / scale / (config.pixel_size / config.scale) if config.pixel_size else 0.0
    if diameter and not 1 / 3 <= objects <= 3:
        warnings.append(
            f"The labelled objects have a diameter of {diameter:.3g} pixels, those that the given model knows of "
            f"{config.object_size:.3g}: without matching their sizes little of what it knows can help."
        )
    if pixels and not 1 / DOUBTFUL <= pixels <= DOUBTFUL:
        warnings.append(
            f"The pixels of the images are {pixel_size:.3g} µm wide, those that the given model was trained on "
            f"{config.pixel_size:.3g} µm. Check the pixel size if the objects are of the same kind."
        )
    return warnings
