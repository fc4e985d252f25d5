"""Simulated objects: what their labels promise."""

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from core.errors import Canceled, UserInputError
from core.progress import Progress
from core.simulation.config import SimulationConfig
from core.simulation.kinds import KINDS
from core.simulation.phantom import Phantom, make_phantom
from core.simulation.placement import Ground, in_chain, place_anywhere, place_at
from core.simulation.shapes import capsule, disc, lobed_nucleus, round_nucleus, tissue_nucleus
from core.simulation.simulate import make_scene, photograph, simulate, simulate_many

SHAPES = (disc, capsule, round_nucleus, tissue_nucleus, lobed_nucleus)


def phantom(number: int = 0, **settings: Any) -> Phantom:
    return make_phantom(SimulationConfig(**settings), np.random.default_rng(number))


def whole_diameters(labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Of the objects that the image does not cut off."""
    areas = np.bincount(labels.ravel()).astype(float)
    areas[[0, *labels[0], *labels[-1], *labels[:, 0], *labels[:, -1]]] = 0
    return 2 * np.sqrt(areas[areas > 0] / np.pi)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_valid(kind: str) -> None:
    for number in range(3):
        made = phantom(number, kind=kind, height=300, width=400)
        labels = made.labels
        assert labels.dtype == np.int32
        assert labels.shape == (300, 400)
        count = int(labels.max())
        assert 0 < count <= made.wanted
        assert np.array_equal(np.unique(labels[labels > 0]), np.arange(1, count + 1))
        boxes = ndimage.find_objects(labels)
        assert all(ndimage.label(labels[box] == i + 1)[1] == 1 for i, box in enumerate(boxes))


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_exactly_where_light_comes_from(kind: str) -> None:
    made = phantom(kind=kind, height=200, width=200)
    assert np.array_equal(made.signal[made.image] > 0, made.labels > 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("diameter", [(9.0, 14.0), (30.0, 50.0)])
def test_sizes_are_within_the_range(kind: str, diameter: tuple[float, float]) -> None:
    found = np.concatenate(
        [whole_diameters(phantom(i, kind=kind, diameter=diameter, count=(12, 12)).labels) for i in range(4)]
    )
    low, high = diameter
    assert found.min() > low - 0.5
    assert found.max() < high + 0.5
    assert found.max() - found.min() > 0.6 * (high - low)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_have_the_area_that_was_asked_for(shape: Any) -> None:
    """A pixel at the outline is in or out by chance: the error of the area is far below the outline's length."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        diameter = rng.uniform(10, 90)
        mask = shape(diameter, rng, rng.uniform(0, 6)).mask
        assert not mask[[0, -1]].any()
        assert not mask[:, [0, -1]].any()
        area = np.pi / 4 * diameter**2
        assert abs(np.count_nonzero(mask) - area) < max(0.6 * diameter, 0.03 * area)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_smallest_objects_do_not_break(shape: Any) -> None:
    for seed in range(100):
        made = shape(3.0, np.random.default_rng(seed), seed)
        assert ndimage.label(made.mask)[1] == 1
        assert np.count_nonzero(made.mask) >= 4
        assert 0 < made.brightness[made.mask].min() <= made.brightness[made.mask].max() <= 1


@pytest.mark.parametrize("shape", [disc, capsule, round_nucleus, tissue_nucleus])
def test_star_convex_shapes_are(shape: Any) -> None:
    """From the centre, every line leaves the shape once; a pixel around it counts as its rim."""
    for seed in range(20):
        made = shape(40.0, np.random.default_rng(seed), seed)
        near = ndimage.binary_dilation(made.mask, np.ones((3, 3)))
        distances = np.arange(0, made.half, 0.5)
        for angle in np.linspace(0, 2 * np.pi, 60):
            y = np.rint(made.half + distances * np.sin(angle)).astype(int)
            x = np.rint(made.half + distances * np.cos(angle)).astype(int)
            last = np.flatnonzero(made.mask[y, x]).max()
            assert near[y, x][:last].all()


def test_granulocytes_are_lobed_and_the_others_are_not() -> None:
    def filled(shape: Any) -> float:
        """Median share of its bounding ellipse's area that a shape fills, from its second moments."""
        shares = []
        for seed in range(30):
            mask = shape(60.0, np.random.default_rng(seed), 0.0).mask
            covariance = np.cov(np.argwhere(mask).T)
            shares.append(np.count_nonzero(mask) / (4 * np.pi * np.sqrt(np.linalg.det(covariance))))
        return float(np.median(shares))

    assert filled(disc) == pytest.approx(1, abs=0.01)
    assert filled(round_nucleus) > 0.98
    assert filled(lobed_nucleus) < 0.92


def test_nuclei_have_two_to_four_dark_nucleoli() -> None:
    for seed in range(30):
        made = round_nucleus(90.0, np.random.default_rng(seed), 0.0)
        bright = ndimage.gaussian_filter(made.brightness, 1)
        inner = ndimage.binary_erosion(made.mask, iterations=8)
        deepest = (bright == ndimage.minimum_filter(bright, 9)) & inner & (bright < 0.75)
        assert 1 <= ndimage.label(deepest)[1] <= 4  # two may lie on each other


def test_no_object_lies_on_another() -> None:
    """All objects' pixels together are as many as the labels have: none was painted over."""
    rng, total = np.random.default_rng(1), 0
    ground = Ground((200, 220), (slice(16, 184), slice(16, 204)))
    for i in range(60):
        shape = SHAPES[i % 5](20.0, rng, 0.3 * i)
        beside = i % 2 == 1 and place_at(ground, shape, 0.7 * i, int(rng.integers(len(ground.places))), 0.0)
        if beside or place_anywhere(ground, shape, rng):
            _, part = ground.window(shape, ground.places[-1].y, ground.places[-1].x)
            total += int(np.count_nonzero(shape.mask[part]))
    assert len(ground.places) > 20
    assert total == np.count_nonzero(ground.labels)


def test_an_object_placed_at_another_touches_it() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        ground = Ground((300, 300), (slice(16, 284), slice(16, 284)))
        ground.put(round_nucleus(50.0, rng, 0.0), 150, 150)
        assert place_at(ground, round_nucleus(40.0, rng, 1.0), 0.3 * seed, 0, 0.0)
        gap = ndimage.distance_transform_edt(ground.labels != 1)[ground.labels == 2].min()
        assert gap <= 2
        assert place_at(ground, disc(20.0, rng, 0.0), 0.3 * seed + 3, 0, 15.0)
        assert ndimage.distance_transform_edt(ground.labels != 1)[ground.labels == 3].min() > 10


def touching(kind: str, clustering: float) -> tuple[float, float]:
    """Share of the objects that have a neighbour within two pixels, and the mean distance to the nearest centre."""
    shares, distances = [], []
    for number in range(6):
        labels = phantom(number, kind=kind, diameter=(20.0, 30.0), count=(25, 25), clustering=clustering).labels
        near = [
            bool(set(np.unique(labels[ndimage.binary_dilation(labels == i, iterations=2)])) - {0, i})
            for i in range(1, labels.max() + 1)
        ]
        shares.append(np.mean(near))
        centres = np.array(ndimage.center_of_mass(labels > 0, labels, np.arange(1, labels.max() + 1)))
        distances.append(cKDTree(centres).query(centres, 2)[0][:, 1].mean())
    return float(np.mean(shares)), float(np.mean(distances))


@pytest.mark.parametrize("kind", ["tissue", "rods"])
def test_clustering_brings_objects_together(kind: str) -> None:
    shares, distances = zip(*(touching(kind, clustering) for clustering in (0.0, 0.5, 1.0)), strict=True)
    assert shares[0] == 0
    assert shares[0] + 0.2 < shares[1] < shares[2]
    assert distances[0] > distances[1] > distances[2]


def test_rods_lie_in_chains() -> None:
    rng = np.random.default_rng(0)
    turns = np.array([in_chain(1.0, rng) for _ in range(2000)])
    assert np.abs(turns[:, 0] - 1.0).mean() < 0.25
    at_end = np.abs(np.cos(turns[:, 1] - 1.0)) > 0.7
    assert at_end.mean() == pytest.approx(2 / 3, abs=5 * np.sqrt(2 / 9 / 2000))


def test_numbers_of_objects() -> None:
    counts = {int(phantom(i, kind="spots", height=128, width=128, count=(3, 6)).labels.max()) for i in range(40)}
    assert counts == {3, 4, 5, 6}
    empty = make_scene(SimulationConfig(height=64, width=64, count=(0, 0)), 1)
    assert empty.count == 0
    assert photograph(empty, "high").array.std() < 10


def test_what_finds_no_room_is_left_out() -> None:
    made = phantom(kind="hl60", height=128, width=128, diameter=(60.0, 60.0), count=(50, 50))
    assert made.wanted == 50
    assert 1 <= made.labels.max() < 10


@pytest.mark.parametrize("kind", KINDS)
def test_usual_numbers_find_room_in_large_images(kind: str) -> None:
    """But for the few that do not fit into the gaps which are left."""
    made = phantom(kind=kind, height=1400, width=1400)
    assert made.labels.max() > 0.97 * made.wanted


def test_even_clusters_fill_the_image() -> None:
    made = phantom(kind="tissue", height=256, width=256, diameter=(15.0, 15.0), count=(180, 180), clustering=1.0)
    assert made.labels.max() > 150
    assert (made.labels > 0).mean() > 0.4


def test_cancelling_stops_a_crowded_image() -> None:
    asked = []

    def is_canceled() -> bool:
        asked.append(True)
        return len(asked) > 3

    with pytest.raises(Canceled):
        make_scene(SimulationConfig(kind="spots", count=(500, 500)), 1, Progress(is_canceled=is_canceled))
    assert len(asked) == 4


def test_objects_are_cut_off_at_the_edge() -> None:
    cut = 0
    for number in range(5):
        labels = phantom(number, kind="tissue").labels
        edge = set(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])) - {0}
        cut += len(edge)
    assert cut > 40


def test_every_image_can_have_its_own_size() -> None:
    def spreads(one_size: bool) -> tuple[float, float]:
        """Within images, and between them, as largest over smallest (median)."""
        found = [
            whole_diameters(
                phantom(i, kind="tissue", diameter=(8.0, 64.0), count=(8, 8), one_size_per_image=one_size).labels
            )
            for i in range(12)
        ]
        medians = [np.median(f) for f in found]
        return max(f.max() / f.min() for f in found), max(medians) / min(medians)

    within, between = spreads(True)
    assert within < 1.15 / 0.85 * 1.1
    assert between > 3
    assert spreads(False)[0] > 3


def test_usual_sizes_fit_into_small_images() -> None:
    assert phantom(kind="hl60", height=40, width=60).labels.max() >= 1


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_pixels(kind: str) -> None:
    config = SimulationConfig(kind=kind, height=96, width=128, seed=5)
    image, labels = simulate(config, 2)
    simulate(config, 1)
    again, labels_again = simulate(config, 2)
    assert np.array_equal(image.array, again.array)
    assert np.array_equal(labels.array, labels_again.array)
    for other in (simulate(config, 3), simulate(SimulationConfig(kind=kind, height=96, width=128, seed=6), 2)):
        assert not np.array_equal(image.array, other[0].array)
        assert not np.array_equal(labels.array, other[1].array)


def test_many_at_once_are_those_made_one_by_one() -> None:
    config, lights = SimulationConfig("rods", 64, 96, seed=3), ("high", "low")
    for number, (scene, images) in enumerate(simulate_many(config, 5, lights), 1):
        alone = make_scene(config, number)
        assert np.array_equal(scene.labels.array, alone.labels.array)
        for light, image in zip(lights, images, strict=True):
            assert np.array_equal(image.array, photograph(alone, light).array)
    assert number == 5


def test_cancelling_stops_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes that are being made are given up, too; these would never be whole."""
    asked = 0

    def at_the_second_time() -> bool:
        nonlocal asked
        asked += 1
        return asked > 1

    def endless(config: SimulationConfig, number: int, progress: Progress) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            progress.check()
            time.sleep(0.001)
        pytest.fail("nobody stopped it")

    monkeypatch.setattr("core.simulation.simulate.make_scene", endless)
    with pytest.raises(Canceled):
        list(simulate_many(SimulationConfig(), 8, ["high"], Progress(is_canceled=at_the_second_time)))


def test_images_know_their_pixel_size() -> None:
    image, labels = simulate(SimulationConfig(height=64, width=64, pixel_size=0.5), 1)
    assert image.pixel_size == labels.pixel_size == {"Y": 0.5, "X": 0.5}
    assert (image.kind, labels.kind) == ("intensity", "labels")
    assert image.array.dtype == np.uint16
    assert labels.array.dtype == np.int32
    assert simulate(SimulationConfig(height=64, width=64, pixel_size=0), 1)[0].pixel_size == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "worms"}, "kind is 'worms', it must be one of hl60, granulocyte"),
        ({"height": 16}, "height is 16, it must be 32 to 8192"),
        ({"diameter": (40.0, 20.0)}, "diameter is .* a smallest and a largest"),
        ({"diameter": (2.0, 20.0)}, "diameter is .* 3 to 512"),
        ({"width": 64, "diameter": (20.0, 65.0)}, "3 to 64 pixels, the image's smaller side"),
        ({"count": (5,)}, "count is"),
        ({"count": (5, 4)}, "count is"),
        ({"clustering": 1.1}, "clustering is 1.1, it must be 0 to 1"),
        ({"blur": -1}, "blur"),
        ({"haze": 1.0}, "haze"),
        ({"unevenness": -0.1}, "unevenness"),
        ({"pixel_size": -1}, "pixel_size"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_out_of_bounds(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserInputError, match=message):
        SimulationConfig(**settings)


def test_unknown_light_and_number() -> None:
    config = SimulationConfig(height=64, width=64)
    with pytest.raises(UserInputError, match="number is 0, it must be 1 or more"):
        make_scene(config, 0)
    with pytest.raises(UserInputError, match="light is 'dark', it must be one of high, medium, low, very_low"):
        simulate(config, 1, "dark")


def test_configuration_travels_through_a_dict() -> None:
    config = SimulationConfig(kind="rods", diameter=(8.0, 9.0), count=(2, 3), clustering=0.2)
    assert SimulationConfig.from_dict(config.to_dict()) == config


def test_simulation_is_quick() -> None:
    simulate(SimulationConfig(), 1)
    start = time.process_time()
    for number in range(3):
        simulate(SimulationConfig(), 2 + number)
    assert (time.process_time() - start) / 3 < 0.4  # 0.05 on an idle laptop
