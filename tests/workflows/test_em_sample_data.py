"""The electron micrographs of the fifth template: whole, small, of known pixel size, numbered objects."""

from pathlib import Path

import numpy as np
import pytest

from core.io.read import read_image, read_labels

DATA = Path(__file__).parents[2] / "workflows/05_Adapt_EM_mitochondria_to_a_new_microscope/data"


def test_it_says_under_which_licence_it_is() -> None:
    text = (DATA / "README.md").read_text("utf-8")
    assert "NonCommercial" in text
    assert "simulated" in text


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 3_000_000


@pytest.mark.parametrize(("part", "count", "side", "pixel"), [("source", 12, 256, 0.0092), ("target", 8, 512, 0.0046)])
def test_images_and_labels(part: str, count: int, side: int, pixel: float) -> None:
    names = sorted(path.name for path in (DATA / part / "images").iterdir())
    assert names == sorted(path.name for path in (DATA / part / "labels").iterdir())
    assert len(names) == count
    for name in names:
        image, labels = read_image(DATA / part / "images" / name), read_labels(DATA / part / "labels" / name)
        assert (image.axes, image.array.shape, image.array.dtype.name) == ("YX", (side, side), "uint8")
        assert image.pixel_size["X"] == pytest.approx(pixel)
        numbers = np.unique(labels.array)
        assert (numbers == np.arange(len(numbers))).all()
        assert len(numbers) > 3


def test_no_region_is_in_both() -> None:
    """Patches of the target correlate with none of the source."""
    planes = {
        part: [
            read_image(path).array.astype(float).reshape(256, each, 256, each).mean((1, 3)).ravel()
            for path in sorted((DATA / part / "images").iterdir())
        ]
        for part, each in (("source", 1), ("target", 2))
    }
    correlations = np.corrcoef(np.stack([*planes["source"], *planes["target"]]))[:12, 12:]
    assert np.abs(correlations).max() < 0.3
