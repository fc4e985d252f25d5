"""Pretrained Segmentation Model."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.pretrained import NAMES, card_of, load, summary_of
from nodes.cells import small_table
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import plain_errors, progress_of
from nodes.settings import CATEGORY
from nodes.views.card import card_view

if TYPE_CHECKING:
    from core.pretrained.card import ModelCard


class Model(knext.EnumParameterOptions):
    """What the model knows."""

    NUCLEI_FLUORESCENCE = (
        "Nuclei, fluorescence",
        "Bright nuclei on a dark ground, 7 to 50 pixels across, as of DAPI or Hoechst.",
    )
    NUCLEI_ALL = (
        "Nuclei, several modalities",
        "Nuclei in fluorescence, bright field and stained tissue, 7 to 49 pixels across; read colour pictures as grey.",
    )
    SIMULATED_MIXED = (
        "Simulated, mixed",
        "Objects of almost any size, bright on dark or dark on bright: it has seen simulated nuclei, bacteria and "
        "spots only, 5 to 60 pixels across. A start for the Segmentation Retrainer where your objects are no nuclei.",
    )


COLUMNS = (
    ("Name", knext.string),
    ("Trained on", knext.string),
    ("Training images", knext.int32),
    ("Training objects", knext.int32),
    ("Object size (px)", knext.double),
    ("Pixel size (µm)", knext.double),
    ("Licence", knext.string),
    ("Tested on", knext.string),
    ("AP@0.5", knext.double),
    ("mAP@.50:.95", knext.double),
)


@knext.node(
    "Pretrained Segmentation Model",
    knext.NodeType.SOURCE,
    "icons/pretrained.png",
    CATEGORY,
    id="PretrainedSegmentationModel",
    keywords=["pretrained", "model", "nuclei", "DSB2018", "BBBC038", "StarDist", "zoo", "transfer learning"],
)
@knext.output_port(
    "Model", "The chosen model, for the *Segmentation Predictor* or the *Segmentation Retrainer*.", model_port
)
@knext.output_table(
    "Available models",
    "One row per model that comes with the extension: *Name*, *Trained on*, *Training images*, *Training objects*, "
    "*Object size (px)* (median diameter), *Pixel size (µm)* (missing where unknown), *Licence*, *Tested on*, "
    "*AP@0.5*, *mAP@.50:.95*.",
)
@knext.output_view("Model card", "What the chosen model learned from, and how well it does on images it never saw.")
class PretrainedSegmentationModel:
    """Offers models that come with the extension.

    Use it to find nuclei at once with the *Segmentation Predictor*, without any training, or as a start for the
    *Segmentation Retrainer*: with a model that knows something already, a handful of labelled images is enough. For
    models of your own use the *Model Reader*; if you are not sure which model is best for your images, the *Pretraining
    Advisor*.

    Choose the model whose images are most like yours. A model knows objects of the size that it has seen, in pixels:
    compare the column *Object size (px)* (the median diameter) with your images. All models take images of one channel;
    choose the channel, or *Grey* for colour pictures, in the *Microscopy Image Reader*.

    The **model card** (view) tells for each model the training images with their source and licence, and its scores on
    images that were used neither for training nor for choosing thresholds. The scores in the table are those on the
    images named in the column *Tested on*; a *Segmentation Scorer* tells how good a model is on yours.

    **Example:** images of DAPI at 20x, whose nuclei are 25 pixels across: choose *Nuclei, fluorescence*, connect a
    *Segmentation Predictor*, and look at the outlines. On images that it never saw it reached an *AP@0.5* of 0.87. If
    your nuclei are 100 pixels across, it has seen none of this size: label four images and retrain it.

    **Limits:** 2-D images of one channel; objects of 7 to 50 pixels in the models of nuclei, of 5 to 60 in *Simulated,
    mixed*, which has seen no real image. The models may be used for any purpose (BSD-3-Clause). Nothing is loaded from
    the internet.

    **Literature:**

    - [Caicedo et al. 2019](https://doi.org/10.1038/s41592-019-0612-7), Nucleus segmentation across imaging experiments:
      the 2018 Data Science Bowl, Nature Methods (the images).
    - [Schmidt et al. 2018](https://doi.org/10.1007/978-3-030-00934-2_30), Cell detection with star-convex polygons,
      MICCAI (the method).
    """

    model = knext.EnumParameter("Model", "What the model knows.", Model.NUCLEI_FLUORESCENCE.name, Model)

    def configure(self, ctx: Any) -> Any:
        """What the model is, read from its file without PyTorch."""
        with plain_errors():
            return SegmentationModelSpec(summary_of(self._name)), knext.Schema.from_columns(_columns())

    def execute(self, ctx: Any) -> Any:
        """Loads the model."""
        with plain_errors():
            progress_of(ctx).step(0.0, "Loading the model")
            cards = [card_of(name) for name in NAMES]
            available = small_table(_columns(), NAMES, list(zip(*map(_row, cards), strict=True)))
            return SegmentationModelObject.of(load(self._name)), available, card_view(card_of(self._name))

    @property
    def _name(self) -> str:
        return str(self.model).lower().replace("_", "-")


def _columns() -> list[Any]:
    return [knext.Column(kind(), name) for name, kind in COLUMNS]


def _row(card: "ModelCard") -> list[Any]:
    """The values of `COLUMNS`."""
    first = card.scores[0]
    return [
        card.name,
        card.trained_on,
        card.images,
        card.objects,
        card.object_size,
        card.pixel_size or None,
        card.licence,
        first.on,
        first.ap_50,
        first.map_50_95,
    ]
