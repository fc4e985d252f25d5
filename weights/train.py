"""Train the models that come with the program: `make weights DATA=...`.

    OMP_NUM_THREADS=1 python -m weights.train DATA [NAME ...] [--steps N]

DATA holds `dsb2018_fluo` and `dsb2018_other`, see `studies.nuclei.dsb2018`. Writes NAME.microseg into
`src/core/pretrained` and its card into `docs/models`. A training has a fixed number of steps: with the same number of
threads it gives the same weights, however busy the computer is. One that was interrupted goes on from its last epoch.

With `--steps`, to try things out, all is written to `out/weights` instead.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.evaluation.scores import ap_dsb2018, pooled, score_image
from core.inference.predict import Predictor
from core.io.write import atomic
from core.measurement.size import diameters
from core.model import SegmentationModel
from core.pretrained import path_of
from core.pretrained.card import CardScore, ModelCard
from core.progress import Progress
from core.training.config import ScheduleConfig, TrainingConfig
from core.training.data import Example
from core.training.train import FEWEST_TO_SPLIT, TrainingResult, split, train
from weights.card import markdown
from weights.recipes import LICENCE, RECIPES, Recipe

OUT = Path("out/weights")
CARDS = Path(__file__).resolve().parents[1] / "docs" / "models"
SCHEDULE = ScheduleConfig(epochs=50, steps=100, batch_size=4, patch_size=128, average=0.995, device="cpu")
HELD_BACK = 0.1
"""Share of the training images that choose epoch and thresholds."""

LOSS_OF_HALF = 0.002
"""What half precision may cost of the mean AP: nothing that is seen."""


def make_model(name: str, recipe: Recipe, data: Path, schedule: ScheduleConfig) -> tuple[bytes, ModelCard]:
    """Train a model and test it; its file's content, and its card."""
    shares = recipe.training(data)
    parts = [(split(images, (), HELD_BACK, schedule.seed, FEWEST_TO_SPLIT), times) for images, times in shares]
    result = train(
        [e for (learned, _), times in parts for e in learned * times],
        TrainingConfig(schedule=schedule, augmentation=recipe.augmentation),
        _printing(name),
        validation=[e for (_, held_back), _ in parts for e in held_back],
        checkpoint=OUT / f"{name}_{schedule.epochs}_epochs.checkpoint",
    )
    model, tests = result.model, recipe.tests(data)
    stored = SegmentationModel.from_bytes(model.to_bytes(half=True))
    scores = [score_on(stored, on, images) for on, images in tests.items()]
    whole = score_on(model, *next(iter(tests.items())))
    print(f"{name}: mean AP {whole.map_50_95:.4f}, in half precision {scores[0].map_50_95:.4f}", flush=True)
    if abs(whole.map_50_95 - scores[0].map_50_95) > LOSS_OF_HALF:
        sys.exit(f"{name} is not written: half precision changes its score.")
    card = card_of(name, recipe, [e for images, _ in shares for e in images], result, scores)
    provenance = {**model.config.provenance, "name": name, "licence": f"{LICENCE}; trained on: {recipe.source}"}
    stored.with_config(object_size=card.object_size, provenance={**provenance, "card": card.to_dict()})
    return stored.to_bytes(half=True), card


def _printing(name: str) -> Progress:
    """Prints a line per epoch."""
    seen = set()

    def report(fraction: float, message: str) -> None:
        epoch = message.split(",")[0]
        if epoch not in seen:
            seen.add(epoch)
            print(f"{name}: {fraction:4.0%}  {message}", flush=True)

    return Progress(report)


def score_on(model: SegmentationModel, on: str, images: Sequence[Example], device: str = "cpu") -> CardScore:
    """How well a model does on some images."""
    predictor = Predictor(model, device)
    scores = [score_image(e.labels, predictor.predict(e.image).labels.array) for e in images]
    every, error = pooled(scores), float(np.mean([s.relative_count_error for s in scores]))
    return CardScore(on, len(images), every.true_count, every.ap[0], every.map_50_95, ap_dsb2018(scores), error)


def card_of(
    name: str, recipe: Recipe, images: Sequence[Example], result: TrainingResult, scores: Sequence[CardScore]
) -> ModelCard:
    """The card of a trained model; `images` are all that it learned from."""
    config, every = result.model.config, diameters([e.labels for e in images])
    schedule: Mapping[str, int] = config.provenance["training"]["schedule"]
    network, head = config.network, config.head
    low, median, high = (round(float(q), 1) for q in np.percentile(every, [5, 50, 95]))
    return ModelCard(
        name=name,
        purpose=recipe.purpose,
        trained_on=recipe.trained_on,
        source=recipe.source,
        licence=LICENCE,
        images=len(images),
        objects=len(every),
        object_size=median,
        object_sizes=(low, high),
        pixel_size=config.pixel_size,
        architecture=f"U-Net (base {network.base}, depth {network.depth}, grid {network.grid}, {network.norm} "
        f"normalisation), StarDist head with {head.n_rays} rays, {network.in_channels} channel",
        training=f"{schedule['epochs'] * schedule['steps']:,} steps of {schedule['batch_size']} patches of "
        f"{schedule['patch_size']} × {schedule['patch_size']} pixels; a tenth of the images chose epoch and thresholds",
        steps=schedule["epochs"] * schedule["steps"],
        created=config.provenance["created"][:10],
        scores=tuple(scores),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the models, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; none: all")
    parser.add_argument("--steps", type=int)
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(RECIPES):
        parser.error(f"no model {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}")
    OUT.mkdir(parents=True, exist_ok=True)
    schedule = replace(SCHEDULE, epochs=1, steps=given.steps) if given.steps else SCHEDULE
    for name in given.names or RECIPES:
        content, card = make_model(name, RECIPES[name], given.data, schedule)
        page = markdown(card, RECIPES[name].remark)
        for target, written in (
            (OUT / path_of(name).name if given.steps else path_of(name), content),
            (OUT / f"{name}.md" if given.steps else CARDS / f"{name}.md", page.encode()),
        ):
            with atomic(target) as part:
                part.write_bytes(written)
        print(page, flush=True)


if __name__ == "__main__":
    main()
