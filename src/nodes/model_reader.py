"""Model Reader."""

from typing import Any

import knime.extension as knext

from core.model_summary import read_summary
from nodes.paths import HOW, absolute, check_path, resolve
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import plain_errors, progress_of
from nodes.settings import CATEGORY


@knext.node(
    "Model Reader",
    knext.NodeType.SOURCE,
    "icons/model_reader.png",
    CATEGORY,
    id="ModelReader",
    keywords=["load", "model", "read", "segmentation", "pretrained"],
)
@knext.output_port(
    "Model", "The model in the file, for the *Segmentation Predictor* or the *Segmentation Retrainer*.", model_port
)
class ModelReader:
    """Reads a model from a file.

    Use it to apply or retrain a model that the *Model Writer* wrote, in this workflow or another. For the models that
    come with the extension use the *Pretrained Segmentation Model*; to choose among several files the *Pretraining
    Advisor* takes a whole folder. Behind it come the *Segmentation Predictor*, the *Large Image Predictor* or the
    *Segmentation Retrainer*.

    **Example:** set the file to `models/nuclei-40x.microseg`, connect the model to a *Segmentation Predictor*, and a
    *Microscopy Image Reader* to its other input: images of tomorrow are segmented as those of today, and no training is
    needed. To send a workflow together with its model, put the file into the folder `data` of the workflow and give its
    name only.

    **Limits:** only files (`.microseg`) of this extension are read; weights of StarDist, Cellpose or other programs are
    not. A file of a newer version of the extension may be refused, with a message that says so. A damaged file is
    noticed when the node is executed. With an absolute path the nodes behind it know the number of channels and the
    kind of model before anything runs; with a path in the data area only afterwards.
    """

    path = knext.StringParameter("Model file", f"A model file (`.microseg`). {HOW}", "")

    def configure(self, ctx: Any) -> SegmentationModelSpec:
        """What the model is, where the file can be found before the workflow's folder is known."""
        path = absolute(check_path(self.path, "model file"))
        return SegmentationModelSpec(read_summary(path) if path else None)

    def execute(self, ctx: Any) -> SegmentationModelObject:
        """Reads the file, and with it checks that it is whole."""
        with plain_errors():
            progress_of(ctx).step(0.0, "Reading the model")
            from core.model import SegmentationModel

            return SegmentationModelObject.of(SegmentationModel.load(resolve(ctx, self.path, "model file")))
