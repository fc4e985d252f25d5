"""What objects look like, and which of several models finds such objects."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

from core.errors import Canceled, UserInputError
from core.geometry.rims import rims
from core.heads import HeadConfig
from core.heads.distance import DistanceHead
from core.heads.foreground import ForegroundHead
from core.image import Image, Labels
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.normalization import NormalizationConfig
from core.progress import Progress
from core.training.selection import (
    MOST_PIXELS,
    NOTHING_FOUND,
    PIECE,
    SPREAD,
    Prior,
    Selection,
    SelectionConfig,
    best_epoch,
    chosen_thresholds,
    pieces,
)
from core.training.train import nothing_found

CONFIG = SelectionConfig()


def drawn(radius: float = 8, count: int = 9, side: int = 120, *, notch: bool = False) -> Labels:
    """Discs, or discs of which a quarter is missing."""
    labels = np.zeros((side, side), np.int32)
    rows, columns = np.mgrid[:side, :side]
    step = side / 3
    for number in range(count):
        y, x = (int((i + 0.5) * step) for i in divmod(number, 3))
        disc = np.hypot(rows - y, columns - x) <= radius
        labels[disc & ~(notch & (rows >= y) & (columns >= x))] = number + 1
    return labels


def reference(labels: Labels) -> NDArray[np.float64]:
    """Area, solidity and diameter of every object of more than 10 pixels, 3 N; pixels taken as squares."""
    found = []
    for number in np.unique(labels[labels > 0]):
        ys, xs = np.nonzero(labels == number)
        corners = np.concatenate([np.stack([ys + dy, xs + dx], 1) for dy in (0, 1) for dx in (0, 1)])
        if len(ys) > 10:
            found.append((len(ys), len(ys) / ConvexHull(corners).volume, 2 * math.sqrt(len(ys) / math.pi)))
    return np.array(found).T


def model(bias: float = 0.0, gain: float = 1.0, scale: float = 1.0) -> SegmentationModel:
    """Whose probability is sigmoid(gain * (pixel - 1/2) + bias), pixels normalised to 0 and 1."""
    torch.manual_seed(0)
    network = NetworkConfig(base=4, depth=1, grid=1, norm="none")
    config = ModelConfig(
        network=network, head=HeadConfig("foreground"), normalization=NormalizationConfig(0, 100), scale=scale
    )
    made = SegmentationModel(config).eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.zero_()
        # the image's level goes straight through the skip: stem is empty at grid 1
        for name, weight in made.named_parameters():
            if name.endswith("weight") and ".enc0." in name:
                weight[0, 0, 1, 1] = 1
            if name == "network.dec0.0.0.weight":
                weight[0, -4, 1, 1] = 1
            if name == "network.dec0.1.0.weight":
                weight[0, 0, 1, 1] = 1
        assert isinstance(made.head, ForegroundHead)
        made.head.foreground.weight[0, 0] = gain
        made.head.foreground.bias[0] = bias - gain / 2  # type: ignore[index]
    return made


def shown(labels: Labels) -> Image:
    """An image that is bright where there are objects, but for their rims, which decoding gives back."""
    return Image(((labels > 0) & ~rims(labels)).astype(np.float32), "YX")


def selection(images: Sequence[Image], prior: Prior | None = None, **config: Any) -> Selection:
    return Selection(prior or Prior.of([drawn()]), images, SelectionConfig(**config), "cpu")


# --- what objects look like -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_area", [True, False])
def test_a_prior_is_what_scipy_measures(by_area: bool) -> None:
    every = []
    for seed in range(3):
        smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random((200, 180)), 3 + seed)
        every.append(ndimage.label(smooth > np.quantile(smooth, 0.75))[0].astype(np.int32))
        every[-1][0, :3] = every[-1].max() + 1  # too small to count
    prior = Prior.of(every, by_area=by_area)

    def measures(objects: NDArray[np.float64], images: int) -> dict[str, float]:
        area, solidity, diameter = objects
        weights = area if by_area else None
        return {
            "solidity": float(np.average(solidity, weights=weights)),
            "object_size": math.log(np.average(diameter, weights=weights)),
            "area_fraction": math.log(area.sum() / (images * 200 * 180)),
        }

    found = [reference(labels) for labels in every]
    assert prior.mean == pytest.approx(measures(np.concatenate(found, 1), 3))
    each = [measures(objects, 1) for objects in found]
    for name, least in SPREAD.items():
        assert prior.spread[name] == pytest.approx(max(least, np.std([one[name] for one in each])))
    numbers = np.random.default_rng(0).permutation(10_000)[: every[0].max() + 1] + 1
    renamed = np.where(every[0] > 0, numbers[every[0]], 0).astype(np.int32)
    assert Prior.of([renamed]).mean == pytest.approx(Prior.of(every[:1]).mean)


def test_crumbs_count_little_by_area() -> None:
    """Three bits beside nine discs: a fourth of the objects, a hundredth of the area."""
    labels = drawn()
    for number, y in enumerate((0, 40, 80)):
        labels[y : y + 4, :3] = 10 + number
    clean, dirty = ({by: Prior.of([one], by_area=by).mean for by in (True, False)} for one in (drawn(), labels))
    moved = {by: abs(dirty[by]["object_size"] - clean[by]["object_size"]) for by in (True, False)}
    assert moved[True] < 0.02 < 0.2 < moved[False]


def test_images_without_objects_count_by_their_pixels() -> None:
    with_empty = Prior.of([drawn(), np.zeros((120, 120), np.int32)])
    alone = Prior.of([drawn()])
    assert with_empty.mean["area_fraction"] == pytest.approx(alone.mean["area_fraction"] - math.log(2))
    assert with_empty.mean["solidity"] == alone.mean["solidity"]
    assert with_empty.spread == alone.spread == SPREAD


def test_labels_are_cut_as_the_images_are() -> None:
    """Where pieces end, objects are cut; the same labels must look the same, in a large image or piece by piece."""
    whole = np.tile(drawn(20, 9, 192), (4, 4))
    whole = np.roll(ndimage.label(whole)[0].astype(np.int32), 32, (0, 1))
    assert whole.shape == (3 * PIECE, 3 * PIECE)
    parts = [whole[y : y + PIECE, x : x + PIECE] for y in range(0, 768, PIECE) for x in range(0, 768, PIECE)]
    assert Prior.of([whole]).mean == pytest.approx(Prior.of(parts).mean)
    quarters = [part[y : y + 128, x : x + 128] for part in parts for y in (0, 128) for x in (0, 128)]
    assert Prior.of([whole], 2.0).mean == pytest.approx(Prior.of(quarters).mean)
    assert Prior.of([whole], 2.0).mean["object_size"] < Prior.of([whole]).mean["object_size"]


@pytest.mark.parametrize("side", [0, 3])
def test_labels_without_objects_tell_nothing(side: int) -> None:
    labels = np.zeros((50, 50), np.int32)
    for number in range(4):
        labels[10 * number : 10 * number + side, 5 : 5 + side] = number + 1
    with pytest.raises(UserInputError, match="no object of more than 10 pixels") as error:
        Prior.of([labels])
    assert "validation images" in str(error.value)


def test_settings_out_of_bounds_are_refused() -> None:
    with pytest.raises(UserInputError, match="criterion is 'guess'"):
        SelectionConfig("guess")
    for earliest in (-0.1, 0.95):
        with pytest.raises(UserInputError, match="earliest"):
            SelectionConfig(earliest=earliest)
    assert SelectionConfig.from_dict(CONFIG.to_dict()) == CONFIG


# --- what a model makes of images -------------------------------------------------------------------------------------


def test_a_model_that_finds_what_the_prior_knows_deviates_by_its_confidence_only() -> None:
    labels = drawn()
    row = selection([shown(labels)]).look(model(gain=20), [], 1)
    area, solidity, diameter = reference(labels)
    assert row["objects"] == len(area) == 9
    assert row["solidity"] == pytest.approx(np.average(solidity, weights=area), abs=0.002)
    assert row["object_size"] == pytest.approx(np.average(diameter, weights=area), rel=0.01)
    assert row["density"] == pytest.approx(9 / 0.0144)
    assert row["area_fraction"] == pytest.approx((labels > 0).mean(), rel=0.01)
    assert row["confidence"] > 0.98
    assert row["deviation"] == row["criterion"] < 0.3


def test_confidence_is_the_share_of_sure_pixels() -> None:
    labels = drawn()
    image = shown(labels)
    for gain in (2.0, 6.0):
        row = selection([image]).look(model(gain=gain), [], 1)
        p = 1 / (1 + np.exp(-gain * (image.array - 0.5)))
        above = p > 0.5
        assert row["confidence"] == pytest.approx(p[above].sum() / (above.sum() + p[~above].sum()), rel=1e-4)


def test_confidence_does_not_count_what_the_loss_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a distance model a probability of .9 is a chance of little where objects are few."""
    monkeypatch.setattr(ForegroundHead, "chance", DistanceHead.chance)
    labels = drawn()
    image = shown(labels)
    share = math.exp(Prior.of([labels]).mean["area_fraction"])
    row = selection([image]).look(model(gain=6), [], 1)
    p = 1 / (1 + np.exp(-6 * (image.array - 0.5)))
    chance, above = p / (p + (1 - p) * (1 + 1 / share)), p > row["threshold"]
    assert row["confidence"] == pytest.approx(chance[above].sum() / (above.sum() + chance[~above].sum()), rel=1e-4)


def test_the_deviation_is_in_standard_deviations() -> None:
    prior = Prior({"solidity": 0.9, "object_size": 3.0, "area_fraction": -3.0}, dict(SPREAD))
    measures = {"solidity": 0.92, "object_size": 2.7, "area_fraction": -3.8}
    combined = selection([], prior).deviation(measures, 0.8)
    assert combined == pytest.approx(math.sqrt((2**2 + 3**2 + 4**2 + 1**2) / 4))
    assert selection([], prior, criterion="solidity").deviation(measures, 0.1) == pytest.approx(2)
    assert selection([], prior).deviation(prior.mean, 1.0) == 0


def test_solidity_alone_does_not_see_what_was_missed() -> None:
    full, few = ([shown(drawn(count=count))] for count in (9, 3))
    alone = [selection(images, criterion="solidity").look(model(gain=20), [], 1)["criterion"] for images in (full, few)]
    both = [selection(images).look(model(gain=20), [], 1)["criterion"] for images in (full, few)]
    assert alone[0] == pytest.approx(alone[1], abs=0.05)
    assert both[1] > both[0] + 2


def test_of_several_models_the_one_whose_objects_look_right_wins() -> None:
    """An image in which real objects are bright, and fainter ones are notched, larger or many."""
    image = shown(drawn()).array.astype(np.float32)
    rng = np.random.default_rng(0)
    dirt = ndimage.gaussian_filter(rng.random(image.shape), 1.5)
    dirty = Image(np.maximum(image, 0.5 * (dirt > np.quantile(dirt, 0.9))), "YX")
    thresholds = [0.02, 0.25, 0.75]
    scores = [selection([dirty]).look(model(20 * (0.5 - t), 20), [], 1)["criterion"] for t in thresholds]
    assert int(np.argmin(scores)) == 2
    shapes = {
        "right": shown(drawn()),
        "notched": shown(drawn(notch=True)),
        "small": shown(drawn(5)),
        "large": shown(drawn(14)),
        "few": shown(drawn(count=4)),
    }
    looked = {name: selection([one]).look(model(gain=20), [], 1)["criterion"] for name, one in shapes.items()}
    assert min(looked, key=looked.__getitem__) == "right"
    unsure = selection([shapes["right"]]).look(model(gain=2), [], 1)["criterion"]
    assert unsure > looked["right"] + 1


def test_the_objects_of_all_images_are_pooled() -> None:
    images = [shown(drawn()), shown(drawn(count=3))]
    row = selection(images).look(model(gain=20), [], 1)
    assert row["objects"] == 12
    assert row["density"] == pytest.approx(12 / 0.0288)


def test_more_is_watched_without_a_say() -> None:
    seen = []

    def watch(judged: SegmentationModel, thresholds: Mapping[str, float]) -> dict[str, float]:
        seen.append((judged, dict(thresholds)))
        return {"iou": 0.7, "objects": -1.0, "criterion": -1.0}

    judged = model(gain=20)
    images, prior = [shown(drawn())], Prior.of([drawn()])
    watched = Selection(prior, images, CONFIG, "cpu", watch)
    row = watched.look(judged, [], 1)
    assert seen == [(judged, {"prob": row["threshold"]})]
    assert row == {"iou": 0.7} | Selection(prior, images, CONFIG, "cpu").look(judged, [], 1)
    early = watched.look(judged, [], 10)
    assert "criterion" not in early
    assert early["objects"] == 9


# --- over the epochs --------------------------------------------------------------------------------------------------


def looks(chosen: Selection, models: Sequence[SegmentationModel], epochs: int) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    for one in models:
        rows.append(chosen.look(one, rows, epochs))
    return rows


def test_early_epochs_cannot_be_chosen() -> None:
    rows = looks(selection([shown(drawn())], earliest=0.5), [model(gain=20)] * 4, 4)
    assert ["criterion" in row for row in rows] == [False, False, True, True]
    assert "deviation" in rows[0]
    assert "criterion" in looks(selection([shown(drawn())], earliest=0.9), [model(gain=20)], 1)[0]


def test_the_criterion_is_the_mean_of_three_epochs() -> None:
    rows = looks(selection([shown(drawn())], earliest=0), [model(gain=g) for g in (1.0, 2, 4, 20)], 4)
    deviations = [row["deviation"] for row in rows]
    assert sorted(deviations, reverse=True) == deviations
    expected = [np.mean(deviations[max(0, i - 2) : i + 1]) for i in range(4)]
    assert [row["criterion"] for row in rows] == pytest.approx(expected)


def test_an_empty_prediction_cannot_be_chosen_and_is_left_out_of_the_mean() -> None:
    full, empty = model(gain=20), model(-20.0, 20)
    rows = looks(selection([shown(drawn())], earliest=0), [full, empty, full], 3)
    assert rows[1] == {"objects": 0.0}
    assert rows[2]["criterion"] == pytest.approx(rows[2]["deviation"])


@pytest.mark.parametrize(("epochs", "refused_in"), [(12, 10), (45, 15)])
def test_a_training_that_finds_nothing_is_refused_early(epochs: int, refused_in: int) -> None:
    chosen, empty = selection([shown(drawn())]), model(-20.0, 20)
    rows = looks(chosen, [empty] * (refused_in - 1), epochs)
    with pytest.raises(UserInputError, match=f"After {refused_in} of {epochs} epochs") as error:
        chosen.look(empty, rows, epochs)
    assert "Domain Gap Report" in str(error.value)


@pytest.mark.parametrize("epochs", [9, 10])
def test_a_short_training_that_finds_nothing_is_told_in_the_end(epochs: int) -> None:
    rows = looks(selection([shown(drawn())]), [model(-20.0, 20)] * epochs, epochs)
    assert nothing_found(rows) == [NOTHING_FOUND]
    assert best_epoch(rows) == epochs
    early = looks(selection([shown(drawn())]), [model(gain=20)] + [model(-20.0, 20)] * 8, 9)
    assert nothing_found(early) == [NOTHING_FOUND], "what was found once, but too early to be chosen"
    assert nothing_found(looks(selection([shown(drawn())]), [model(gain=20)] * 3, 3)) == []


def test_the_threshold_is_chosen_with_the_epoch() -> None:
    """Beside the objects there are pixels of a probability of 0.55; a threshold above that leaves them out."""
    labels = drawn()
    image = shown(labels).array.astype(np.float32)
    image[8::40, :] = np.maximum(image[8::40, :], 0.54)
    dirty, judged = Image(image, "YX"), model(gain=5)
    chosen = selection([dirty])
    rows = looks(chosen, [judged], 1)
    assert rows[0]["threshold"] in (0.6, 0.7)
    assert rows[0]["objects"] == 9
    assert chosen_thresholds(judged, rows) == {"prob": rows[0]["threshold"]}
    for fixed in (
        selection([dirty], criterion="solidity"),
        Selection(Prior.of([labels]), [dirty], CONFIG, "cpu", own_threshold=True),
    ):
        (row,) = looks(fixed, [judged], 1)
        assert (row["threshold"], row["objects"] > 9) == (0.5, True)
    assert chosen_thresholds(judged, [{"objects": 0.0}]) == {"prob": 0.5}


def test_a_training_that_found_something_once_goes_on() -> None:
    rows = looks(selection([shown(drawn())]), [model(gain=20)] + [model(-20.0, 20)] * 11, 12)
    assert [row["objects"] for row in rows] == [9.0] + [0.0] * 11


def test_it_can_be_stopped() -> None:
    chosen = selection([shown(drawn())])
    with pytest.raises(Canceled):
        chosen.look(model(), [], 1, Progress(is_canceled=lambda: True))


# --- what is looked at ------------------------------------------------------------------------------------------------


def blank(height: int, width: int, value: float = 0.0) -> Image:
    pixels = np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)
    return Image(pixels + np.float32(value), "YX")


def sizes(found: Sequence[NDArray[np.float32]]) -> list[tuple[int, ...]]:
    return [piece.shape for piece in found]


def test_small_images_are_looked_at_whole() -> None:
    image = Image(np.arange(30, dtype=np.uint16).reshape(5, 6), "YX")
    (piece,) = pieces([image], model())
    np.testing.assert_allclose(piece, image.array[None] / 29, atol=1e-6)


def test_pieces_cover_an_image_but_for_narrow_strips() -> None:
    assert sizes(pieces([blank(256, 512)], model())) == [(1, 256, 256)] * 2
    assert sizes(pieces([blank(256, 300)], model())) == [(1, 256, 256)]
    assert sizes(pieces([blank(256, 400)], model())) == [(1, 256, 256), (1, 256, 144)]


def test_of_large_images_pieces_are_spread_evenly() -> None:
    images = [blank(1536, 1536), blank(1536, 1536)]
    found = pieces(images, model())
    assert len(found) == MOST_PIXELS // PIECE**2
    brightness = [float(piece.mean()) for piece in found]
    assert brightness[0] < 0.2
    assert brightness[-1] > 0.8
    assert sorted(brightness[:8]) == brightness[:8], "half of them of the first image, from top to bottom"


def test_many_images_are_looked_at_here_and_there() -> None:
    found = pieces([blank(20 + i, 20) for i in range(40)], model())
    heights = [piece.shape[1] for piece in found]
    assert len(found) == 16
    assert (heights[0], heights[-1]) == (20, 59)


def test_pieces_are_normalised_by_the_whole_image() -> None:
    first, second = pieces([blank(256, 512)], model())
    assert first.min() == 0
    assert second.max() == 1
    assert first.max() < 1


def test_a_model_that_enlarges_images_sees_as_many_pixels() -> None:
    assert sizes(pieces([blank(256, 256)], model(scale=2))) == [(1, 128, 128)] * 4


def test_models_that_normalise_differently_see_their_own_pieces() -> None:
    chosen, image = selection([shown(drawn())]), shown(drawn())
    first = model(gain=20)
    second = model(gain=20).with_config(normalization=NormalizationConfig(0, 50))
    chosen.look(first, [], 1)
    again = chosen.look(second, [], 1)
    assert again == selection([image]).look(second, [], 1)
