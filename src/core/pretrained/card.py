"""What a pretrained model is, what it learned from, and how well it does on images that it never saw."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

SCORES = ("Tested on", "Images", "Objects", "AP@0.5", "mAP@.50:.95", "AP (DSB 2018)", "Mean absolute count error (%)")
"""Columns of `ModelCard.score_rows`; the scores are those of `core.evaluation.scores`."""


@dataclass(frozen=True)
class CardScore:
    """The scores on some images.

    Parameters
    ----------
    on : which images.
    images, objects : how many.
    ap_50, map_50_95 : TP / (TP + FP + FN) of all images together, at IoU .5, and the mean over .50 to .95.
    ap_dsb2018 : as the Data Science Bowl 2018 averages it.
    count_error : mean over the images of the count error without its sign, as a share of the true count.
    """

    on: str
    images: int
    objects: int
    ap_50: float
    map_50_95: float
    ap_dsb2018: float
    count_error: float


@dataclass(frozen=True)
class ModelCard:
    """All that a reader should know of a pretrained model.

    Parameters
    ----------
    name : as its file is named.
    purpose : for which images, a sentence.
    trained_on : in a few words.
    source : where the training images come from, with their licence, a sentence.
    licence : of the weights.
    images, objects : number of training images and objects, the part held back for thresholds included.
    object_size : median diameter of the training objects in pixels.
    object_sizes : the 5th and the 95th percentile of the diameters, pixels.
    pixel_size : of the training images in micrometres, 0 where unknown.
    architecture, training : in words.
    steps : of the training.
    created : date of the training, ISO 8601.
    scores : on images never used in training; the first stands for the model where there is room for one.
    """

    name: str
    purpose: str
    trained_on: str
    source: str
    licence: str
    images: int
    objects: int
    object_size: float
    object_sizes: tuple[float, float]
    pixel_size: float
    architecture: str
    training: str
    steps: int
    created: str
    scores: tuple[CardScore, ...]

    def to_dict(self) -> dict[str, Any]:
        """The card as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The card from what `to_dict` gave."""
        scores = tuple(CardScore(**score) for score in data["scores"])
        return cls(**{**data, "object_sizes": tuple(data["object_sizes"]), "scores": scores})

    def facts(self) -> list[tuple[str, str]]:
        """What the card says but for purpose and scores: names and values for readers."""
        low, high = self.object_sizes
        size = f"{self.object_size:.0f} pixels in diameter (median); nine of ten have {low:.0f} to {high:.0f}"
        return [
            ("Trained on", self.trained_on),
            ("Training images", f"{self.images:,} with {self.objects:,} objects"),
            ("Object size", size),
            ("Pixel size", f"{self.pixel_size:g} µm" if self.pixel_size else "unknown"),
            ("Source of the images", self.source),
            ("Licence of the weights", self.licence),
            ("Architecture", self.architecture),
            ("Training", self.training),
            ("Date", self.created),
        ]

    def score_rows(self) -> list[tuple[str, int, int, float, float, float, float]]:
        """One row per test, its columns are `SCORES`; the count error is in percent."""
        return [
            (s.on, s.images, s.objects, s.ap_50, s.map_50_95, s.ap_dsb2018, 100 * s.count_error) for s in self.scores
        ]
