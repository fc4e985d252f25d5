"""The fields of the sixth template: small, of known pixel size and numbers of junctions, none in two parts."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from core.io.read import read_image, read_labels

DATA = Path(__file__).parents[2] / "workflows/06_Count_neuromuscular_junctions/data"


def test_it_says_what_it_is() -> None:
    text = (DATA / "README.md").read_text("utf-8")
    assert "Creative Commons Attribution 4.0" in text
    assert "never photographed" in text


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 1_500_000


@pytest.mark.parametrize(
    ("part", "counts", "side"),
    [("labelled", [4] * 6, 256), ("fields/pig_1", [4, 5, 6, 6, 7], 352), ("fields/pig_2", [4, 5, 6, 6, 7], 352)],
)
def test_images_and_labels(part: str, counts: list[int], side: int) -> None:
    folder, _, group = part.partition("/")
    names = sorted(path.name for path in (DATA / folder / "images" / group).glob("*.tif"))
    assert names == sorted(path.name for path in (DATA / folder / "labels" / group).glob("*.tif"))
    found = []
    for name in names:
        image = read_image(DATA / folder / "images" / group / name)
        labels = read_labels(DATA / folder / "labels" / group / name)
        assert (image.axes, image.array.shape, image.array.dtype.name) == ("YX", (side, side), "uint16")
        assert image.pixel_size["X"] == pytest.approx(0.4)
        found.append(int(labels.array.max()))
        assert np.unique(labels.array).tolist() == list(range(found[-1] + 1))
    assert found == counts


@pytest.mark.parametrize("animal", ["pig_1", "pig_2"])
def test_unlabelled_fields(animal: str) -> None:
    paths = sorted((DATA / "unlabelled" / animal).glob("*.tif"))
    assert len(paths) == 12
    assert all(read_image(path).array.shape == (320, 320) for path in paths)


@pytest.mark.parametrize("animal", ["pig_1", "pig_2"])
def test_nothing_but_junctions_is_bright(animal: str) -> None:
    """Or else nobody would know how many junctions there are."""
    for path in sorted((DATA / "fields/images" / animal).glob("*.tif")):
        labels = read_labels(DATA / "fields/labels" / animal / path.name).array
        light = ndimage.gaussian_filter(read_image(path).array.astype(float), 2)
        far = ndimage.distance_transform_edt(labels == 0) > 8
        assert light[far].max() < min(ndimage.maximum(light, labels, range(1, labels.max() + 1)))
