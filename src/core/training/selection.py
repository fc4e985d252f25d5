"""Which epoch of a training is best on images without labels: what its objects look like tells.

The labels of other images say what objects look like: how convex they are, how large, how much of an image they cover.
Of the models of a training the one is taken whose objects on the images without labels come nearest to that. The mean
solidity alone is the criterion of Franco-Barranco et al. 2022 (Deep learning based domain adaptation for mitochondria
segmentation on EM volumes, Computer Methods and Programs in Biomedicine 222:106949). It says nothing of what was
missed, so that the size of objects, their share of the area and the model's confidence are looked at besides; and a few
crumbs change it much, so that every object counts by its area.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from core.config import Config, require
from core.errors import UserInputError
from core.image import Image, Labels
from core.inference.predict import Predictor
from core.measurement.objects import measure
from core.model import SegmentationModel
from core.progress import SILENT, Progress
from core.training.data import digest, digested

CRITERIA = {"combined": ("solidity", "object_size", "area_fraction"), "solidity": ("solidity",)}
"""The measures of objects that are compared."""

ENTRIES = (
    "objects",
    "solidity",
    "object_size",
    "density",
    "area_fraction",
    "confidence",
    "threshold",
    "deviation",
    "criterion",
)
"""What a selection adds to the history of a training, see `Selection.look`."""

SMALLEST = 10
"""Objects of so many pixels or fewer are not looked at."""

MOST_PIXELS = 2**20
"""The model looks at about so many pixels of the images, evenly spread over them, after every epoch."""

PIECE = 256
"""Height and width of the pieces of images that it looks at, and of labels, so that as many objects are cut."""

SPREAD = {"solidity": 0.01, "object_size": 0.1, "area_fraction": 0.2}
"""Least standard deviation of a measure between images: labels of few images do not tell it."""

UNSURE = 0.2
"""A lack of confidence of this size counts as much as a measure that is one standard deviation off."""

NOTHING_FOUND = (
    "The model finds no object on the target images, so that no epoch could be chosen: it is that of the last one."
)

SMOOTHING = 3
"""Epochs over which the criterion is averaged."""


@dataclass(frozen=True)
class SelectionConfig(Config):
    """How the epoch is chosen.

    Parameters
    ----------
    criterion : "combined" (solidity, size and area of objects, and confidence) or "solidity".
    earliest : share of the epochs that are too early to be chosen, 0 to 0.9.
    """

    criterion: str = "combined"
    earliest: float = 0.5

    def __post_init__(self) -> None:
        require(self.criterion in CRITERIA, "criterion", self.criterion, f"one of {', '.join(CRITERIA)}")
        require(0 <= self.earliest <= 0.9, "earliest", self.earliest, "0 to 0.9")


@dataclass(frozen=True)
class Prior:
    """What objects look like, as mean over images and as standard deviation between them.

    Parameters
    ----------
    mean, spread : of `solidity` (mean of the objects, 0 to 1), `object_size` (logarithm of their mean diameter in
        pixels) and `area_fraction` (logarithm of the share of pixels that are theirs).
    by_area : an object counts by its area in these means, and not as one.
    """

    mean: Mapping[str, float]
    spread: Mapping[str, float]
    by_area: bool = True

    @classmethod
    def of(cls, labels: Sequence[Labels], scale: float = 1.0, by_area: bool = True) -> "Prior":
        """What labelled objects look like; every 2-D label image counts by its objects.

        Parameters
        ----------
        scale : by how much the model that is to be chosen enlarges images, so that labels are cut as they are.

        Raises
        ------
        UserInputError : there is no object of more than `SMALLEST` pixels.
        """
        looks = [Look.together([Look.at(one[place], by_area) for place in _places(one.shape, scale)]) for one in labels]
        whole = Look.together(looks)
        if not whole.count:
            raise UserInputError(
                f"The labels have no object of more than {SMALLEST} pixels, so that nobody knows what objects look "
                "like.",
                todo="Give labelled images with objects, or choose the epoch by validation images.",
            )
        every = [look.measures() for look in looks if look.count]
        spread = {name: max(least, float(np.std([m[name] for m in every]))) for name, least in SPREAD.items()}
        return cls(whole.measures(), spread, by_area)


@dataclass(frozen=True)
class Look:
    """The objects of label images summed up, those of `SMALLEST` pixels or fewer left out.

    Parameters
    ----------
    count, pixels : number of objects, and of the images' pixels.
    area, weight, solidity, diameter : sums over the objects, of their pixels, their weights, and what is weighted.
    """

    count: int
    pixels: int
    area: float
    weight: float
    solidity: float
    diameter: float

    @classmethod
    def at(cls, labels: Labels, by_area: bool) -> "Look":
        """The objects of one label image, axes YX, each weighted by its area or by 1."""
        table = measure(Image(labels, "YX", kind="labels"))
        columns = np.stack([table[name].astype(float) for name in ("area_px", "solidity", "diameter_px")])
        area, solidity, diameter = columns[:, columns[0] > SMALLEST]
        weight = area if by_area else np.ones_like(area)
        sums = (float(of.sum()) for of in (area, weight, weight * solidity, weight * diameter))
        return cls(len(area), labels.size, *sums)

    @classmethod
    def together(cls, looks: Sequence["Look"]) -> "Look":
        """Those of several images."""
        return cls(*(sum(getattr(look, one.name) for look in looks) for one in fields(cls)))

    def measures(self) -> dict[str, float]:
        """What a `Prior` is made of; there must be an object."""
        return {
            "solidity": self.solidity / self.weight,
            "object_size": math.log(self.diameter / self.weight),
            "area_fraction": math.log(self.area / self.pixels),
        }


Watch = Callable[[SegmentationModel, Mapping[str, float]], dict[str, float]]
"""What is to be known of the model of an epoch and the thresholds that go with it."""


class Selection:
    """Chooses among the models of a training by images without labels.

    Parameters
    ----------
    prior : what objects look like.
    images : 2-D images without labels, one or more, with the model's number of channels.
    config : how it chooses.
    device : as of a `ScheduleConfig`.
    watch : what else is to be known of the model of every epoch, such as scores by labels that the training and the
        choice must not know: entries of the history.
    own_threshold : keep to the probability that the model has; otherwise one of its head's `probabilities` is chosen
        with the epoch, but by the criterion "solidity".
    """

    def __init__(
        self,
        prior: Prior,
        images: Sequence[Image],
        config: SelectionConfig,
        device: str = "auto",
        watch: Watch | None = None,
        own_threshold: bool = False,
    ) -> None:
        self.prior, self.config, self._device = prior, config, device
        self._images, self._watch = images, watch
        self._own_threshold = own_threshold or config.criterion != "combined"
        self._pieces: list[NDArray[np.float32]] = []
        self._pieces_of: tuple[object, ...] = ()

    def __str__(self) -> str:
        """A text by which a checkpoint knows its training."""
        return f"{self.config} {self.prior} {self._own_threshold} {digest(digested(self._images))}"

    def look(
        self, model: SegmentationModel, history: Sequence[Mapping[str, float]], epochs: int, progress: Progress = SILENT
    ) -> dict[str, float]:
        """What a model makes of the images after an epoch.

        Parameters
        ----------
        history : rows of the epochs before.
        epochs : number of epochs of the training.

        Returns
        -------
        objects, and where there are any: solidity, object_size (mean diameter in pixels), density (objects per million
        pixels), area_fraction (share of pixels that are theirs), confidence (0 to 1), threshold (the probability above
        which all that is meant, that of the least deviation), deviation (how far all that is from what is expected, in
        standard deviations); and criterion, its mean over the last epochs, lower is better, where the epoch can be
        chosen.

        Raises
        ------
        UserInputError : a third of the training is over, ten epochs or more, and nothing was ever found.
        """
        threshold, found, confidence = self._predicted(model, progress)
        watched = self._watch(model, {**model.thresholds, "prob": threshold}) if self._watch else {}
        row = {**{name: n for name, n in watched.items() if name not in ENTRIES}, "objects": float(found.count)}
        epoch = len(history) + 1
        if not found.count:
            self._refuse_emptiness([*history, row], epochs)
            return row
        measures = found.measures()
        row |= {
            "solidity": measures["solidity"],
            "object_size": math.exp(measures["object_size"]),
            "density": found.count / found.pixels * 1e6,
            "area_fraction": math.exp(measures["area_fraction"]),
            "confidence": confidence,
            "threshold": threshold,
            "deviation": self.deviation(measures, confidence),
        }
        recent = [*(one.get("deviation", math.nan) for one in history[1 - SMOOTHING :]), row["deviation"]]
        if epoch > self.config.earliest * epochs:
            row["criterion"] = float(np.nanmean(recent))
        return row

    def deviation(self, measures: Mapping[str, float], confidence: float) -> float:
        """How far objects are from what is expected, in standard deviations."""
        compared = CRITERIA[self.config.criterion]
        off = [abs(measures[name] - self.prior.mean[name]) / self.prior.spread[name] for name in compared]
        if self.config.criterion == "combined":
            off.append((1 - confidence) / UNSURE)
        return float(np.sqrt(np.mean(np.square(off))))

    def _predicted(self, model: SegmentationModel, progress: Progress) -> tuple[float, Look, float]:
        """The threshold that comes nearest to what is expected, the objects that a model finds by it on all pieces, and
        how sure it is of them.
        """
        shown = (model.config.normalization, model.config.scale)
        if self._pieces_of != shown:
            self._pieces, self._pieces_of = pieces(self._images, model), shown
        predictor = Predictor(model, self._device, "torch")
        own = model.thresholds
        tried = (own["prob"],) if self._own_threshold else model.head.probabilities
        covered = math.exp(self.prior.mean["area_fraction"])
        asked = [{**own, "prob": threshold} for threshold in tried]
        looks: list[list[Look]] = [[] for _ in tried]
        inside, outside = np.zeros((2, len(tried)))
        for piece in self._pieces:
            progress.check()
            maps, shape = predictor.maps(piece), piece.shape[1:]
            chance = model.head.chance(maps[0], covered)
            every = model.head.decode_many(maps, shape, model.config.network.grid, asked, model.config.scale)
            for number, (threshold, (objects, count)) in enumerate(zip(tried, every, strict=True)):
                looks[number].append(Look.at(objects.labels * (objects.labels <= count), self.prior.by_area))
                above = maps[0] > threshold
                inside[number] += chance[above].sum()
                outside[number] += above.sum() + chance[~above].sum()
        found = [
            (threshold, Look.together(look), float(share))
            for threshold, look, share in zip(tried, looks, inside / np.maximum(outside, 1e-9), strict=True)
        ]
        some = [one for one in found if one[1].count]
        if not some:
            return own["prob"], found[0][1], 0.0
        return min(some, key=lambda one: self.deviation(one[1].measures(), one[2]))

    def _refuse_emptiness(self, history: Sequence[Mapping[str, float]], epochs: int) -> None:
        """Raise a UserInputError where a training will not come to anything."""
        enough = max(10, math.ceil(epochs / 3))
        if enough <= len(history) < epochs and not any(row["objects"] for row in history):
            raise UserInputError(
                f"After {len(history)} of {epochs} epochs the model still finds no object on the target images, "
                "so that no epoch can be chosen.",
                todo="Check that these show the same objects, as bright and as large as those of the labelled images "
                "(Domain Gap Report); bring both closer together, or train with more steps.",
            )


def best_epoch(history: Sequence[Mapping[str, float]]) -> int:
    """The epoch of the lowest criterion, from 1; the last one where none has any."""
    scores = [row.get("criterion", math.inf) for row in history]
    return int(np.argmin(scores)) + 1 if min(scores, default=math.inf) < math.inf else len(scores)


def chosen_thresholds(model: SegmentationModel, history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The thresholds that go with the best epoch, the head's own in what was not chosen."""
    row = history[best_epoch(history) - 1]
    chosen = {"prob": row["threshold"]} if "threshold" in row else {}
    return {**model.head.default_thresholds(), **chosen}


def pieces(images: Sequence[Image], model: SegmentationModel) -> list[NDArray[np.float32]]:
    """Normalised pieces of images, evenly spread over them, float32, axes CYX."""
    config, places = model.config, []
    for number, image in enumerate(images):
        places += [(number, place) for place in _places((image.size("Y"), image.size("X")), config.scale)]
    most = max(1, MOST_PIXELS // PIECE**2)
    chosen = [places[int(i)] for i in np.linspace(0, len(places) - 1, min(most, len(places)))]
    normalised: dict[int, NDArray[np.float32]] = {}
    found = []
    for number, place in chosen:
        if number not in normalised:
            normalised = {number: images[number].normalized(config.normalization)}
        found.append(np.ascontiguousarray(normalised[number][(slice(None), *place)]))
    return found


def _places(shape: Sequence[int], scale: float) -> list[tuple[slice, slice]]:
    """Where the pieces of an image lie; what is left at its right and lower edge must be half as wide as a piece."""
    size = round(PIECE / scale)
    rows, columns = (range(0, max(1, n - size // 2), size) for n in shape)
    return [(slice(y, y + size), slice(x, x + size)) for y in rows for x in columns]
