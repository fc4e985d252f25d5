"""The models that come with the program are what their cards say."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from weights.card import markdown
from weights.recipes import RECIPES

from core import pretrained
from core.errors import ModelFormatError, UserInputError
from core.evaluation.scores import pooled, score_image
from core.inference.predict import Predictor
from core.io.read import read_image, read_labels
from core.pretrained import NAMES, card_of, load, path_of, summary_of
from core.pretrained.card import ModelCard

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "workflows/01_Train_and_count_nuclei/data"
UNSEEN = (
    "test/2cfa857e63be1b41", "test/d8607b21411c9c8a", "train/07fb37aafa662660", "train/21408476af050633",
    "train/7ba20aa731cc21af", "train/b4d902d42c93dea7", "train/bff985591dd5d630",
)  # fmt: skip
"""Sample images that are test images of the split of Wilhelm 2019: no pretrained model has seen them."""

LEAST = {"nuclei-fluorescence": 0.75, "nuclei-all": 0.75, "simulated-mixed": 0.65}
"""AP@.5 that each must reach on them."""


def test_the_files_are_those_that_are_listed() -> None:
    assert {path.stem for path in path_of(NAMES[0]).parent.glob("*.microseg")} == set(NAMES) == set(RECIPES)


def test_the_unseen_are_test_images_of_the_split() -> None:
    rows = (ROOT / "studies/nuclei/split.csv").read_text().splitlines()
    assert {f"val,{name.split('/')[1]},gray-dark" for name in UNSEEN} <= set(rows)


@pytest.mark.parametrize("name", NAMES)
def test_card_and_model_agree(name: str) -> None:
    model, card = load(name), card_of(name)
    config, recipe = model.config, RECIPES[name]
    schedule = config.provenance["training"]["schedule"]
    assert (config.provenance["name"], card.name) == (name, name)
    assert card.steps == len(config.history) * schedule["steps"] >= 1000, "trained to the end"
    assert card.created == config.provenance["created"][:10]
    assert card.object_size == config.object_size
    assert card.object_sizes[0] < card.object_size < card.object_sizes[1]
    assert card.pixel_size == config.pixel_size
    assert card.licence == "BSD-3-Clause"
    assert config.provenance["licence"].startswith(card.licence)
    assert (card.purpose, card.trained_on, card.source) == (recipe.purpose, recipe.trained_on, recipe.source)
    assert config.network.in_channels == 1
    assert len(config.provenance["data"]) == 16
    assert config.history[-1]["train_loss"] < 0.8 * config.history[0]["train_loss"]
    assert all(torch.isfinite(weight).all() for weight in model.state_dict().values())
    assert all(0 <= value <= 1 for s in card.scores for value in (s.ap_50, s.map_50_95, s.ap_dsb2018))
    assert all(math.isfinite(s.count_error) and s.ap_50 >= s.map_50_95 for s in card.scores)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_the_card(name: str) -> None:
    page = markdown(card_of(name), RECIPES[name].remark)
    assert (ROOT / f"docs/models/{name}.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("name", NAMES)
def test_nuclei_are_found_that_the_model_has_never_seen(name: str) -> None:
    predictor, scores = Predictor(load(name), "cpu"), []
    for image in UNSEEN:
        part, stem = image.split("/")
        truth = read_labels(IMAGES / part / "labels" / f"{stem}.tif").array
        found = predictor.predict(read_image(IMAGES / part / "images" / f"{stem}.png")).labels.array
        scores.append(score_image(truth, found))
    assert pooled(scores).ap[0] > LEAST[name]


@pytest.mark.parametrize("name", NAMES)
def test_cards_travel_through_json(name: str) -> None:
    card = card_of(name)
    assert ModelCard.from_dict(json.loads(json.dumps(card.to_dict()))) == card


def test_cards_are_read_without_pytorch() -> None:
    program = "import sys; from core.pretrained import *; print(card_of(NAMES[0]).name, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT / "src", capture_output=True, text=True, check=True)
    assert done.stdout.split() == [NAMES[0], "False"]


def test_no_such_model() -> None:
    with pytest.raises(UserInputError, match=r"'nuclei', .*nuclei-fluorescence, nuclei-all, simulated-mixed"):
        load("nuclei")


def test_a_missing_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "__file__", str(tmp_path / "__init__.py"))
    for ask in (summary_of, card_of, load):
        with pytest.raises(ModelFormatError, match=r"nuclei-all\.microseg"):
            ask("nuclei-all")
