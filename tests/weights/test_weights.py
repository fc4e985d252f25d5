"""How the pretrained models are trained: on what, on what not, and what is written."""

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from studies.nuclei.dsb2018 import BRIGHT_FIELD, COLOUR, FLUORESCENCE, SPLIT, load
from weights.recipes import RECIPES
from weights.simulated import DIAMETERS, simulated_images

from core.measurement.size import typical_diameter
from core.model import SegmentationModel
from core.pretrained.card import ModelCard
from core.simulation.kinds import KINDS
from weights import train

SAMPLES = Path(__file__).resolve().parents[2] / "workflows/01_Train_and_count_nuclei/data"


def names(kind: str, part: str, count: int) -> list[str]:
    """Some images of the split."""
    rows = (line.split(",") for line in SPLIT.read_text().splitlines())
    return [name for split, name, of in rows if (split, of) == (part, kind)][:count]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `make weights` takes it: the sample images, four of them under names of other modalities."""
    root = tmp_path_factory.mktemp("data")
    given = sorted(path for part in ("train", "test") for path in (SAMPLES / part / "images").iterdir())
    for folder, part in (("dsb2018_fluo", "train"), ("dsb2018_other", "any")):
        for kind in ("images", "labels"):
            (root / folder / kind / part).mkdir(parents=True)
    for path in given:
        shutil.copy(path, root / "dsb2018_fluo/images/train")
        shutil.copy(path.parents[1] / "labels" / f"{path.stem}.tif", root / "dsb2018_fluo/labels/train")
    others = [*names(COLOUR, "train", 6), *names(COLOUR, "val", 1), *names(BRIGHT_FIELD, "train", 8)]
    for name, path in zip(others, given, strict=False):
        grey = np.array(PIL.Image.open(path).convert("L"))[:128, :128]
        rgb = np.stack([grey, np.full_like(grey, 200), grey], axis=2)
        PIL.Image.fromarray(rgb).save(root / f"dsb2018_other/images/any/{name}.png")
        labels = PIL.Image.open(path.parents[1] / "labels" / f"{path.stem}.tif").crop((0, 0, 128, 128))
        labels.save(root / f"dsb2018_other/labels/any/{name}.tif")
    return root


def test_the_split() -> None:
    kinds = (FLUORESCENCE, COLOUR, BRIGHT_FIELD)
    counts = {part: [len(names(kind, part, 1000)) for kind in kinds] for part in ("train", "val")}
    assert counts == {"train": [484, 97, 16], "val": [57, 10, 0]}


def test_images_are_loaded_in_the_order_of_the_split(data: Path) -> None:
    training, test = (load(data, part, [FLUORESCENCE]) for part in ("train", "val"))
    assert (len(training), len(test)) == (25, 7)
    every = names(FLUORESCENCE, "train", 1000)
    assert [e.name for e in training] == [name for name in every if name in {e.name for e in training}]
    assert all(e.image.axes == "YX" and e.labels.shape == e.image.array.shape for e in training + test)
    (colour,) = load(data, "val", [COLOUR])
    assert colour.image.axes == "YX", "made grey"


@pytest.mark.parametrize("name", ["nuclei-fluorescence", "nuclei-all"])
def test_nothing_that_is_tested_on_is_learned_from(data: Path, name: str) -> None:
    recipe = RECIPES[name]
    learned = {e.name for images, _ in recipe.training(data) for e in images}
    tests = {e.name for images in recipe.tests(data).values() for e in images}
    assert not learned & tests
    assert set(names(FLUORESCENCE, "val", 57)) & tests
    kinds = [FLUORESCENCE] if name == "nuclei-fluorescence" else [FLUORESCENCE, COLOUR, BRIGHT_FIELD]
    assert learned | tests == {e.name for part in ("train", "val") for e in load(data, part, kinds)}


@pytest.mark.parametrize("kind", KINDS)
def test_simulated_images_are_of_many_sizes(kind: str) -> None:
    images = simulated_images(kind, 8, seed=1)
    sizes = [typical_diameter([e.labels]) for e in images]
    assert max(sizes) > 1.8 * min(sizes)
    assert all(128 <= side <= 512 for e in images for side in e.labels.shape)
    assert all(e.labels.any() for e in images)
    assert set(DIAMETERS) == set(KINDS)
    again, other = simulated_images(kind, 2, seed=1), simulated_images(kind, 2, seed=2)
    assert all(np.array_equal(a.image.array, b.image.array) for a, b in zip(images, again, strict=False))
    assert not any(np.array_equal(a.image.array, b.image.array) for a, b in zip(images, other, strict=False))


def test_a_short_training_writes_a_model_and_its_card(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "OUT", tmp_path)
    train.main([str(data), "nuclei-all", "--steps", "2"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nuclei-all.md", "nuclei-all.microseg"]
    model = SegmentationModel.load(tmp_path / "nuclei-all.microseg")
    card = ModelCard.from_dict(model.config.provenance["card"])
    assert (card.steps, card.images) == (2, 25 + 6 + 6)
    assert [score.images for score in card.scores] == [8, 7, 1, 2]
    assert model.config.object_size == card.object_size > 0
    page = (tmp_path / "nuclei-all.md").read_text()
    assert page in capsys.readouterr().out
    for text in (card.purpose, card.source, f"{card.images} with {card.objects:,} objects", "2 steps of 4 patches"):
        assert text in page


def test_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.main(["data", "nuclei"])
    assert "no model nuclei; there are nuclei-fluorescence" in capsys.readouterr().err
