"""Model Reader."""

from typing import Any

import knime.extension as knext

from core.model_summary import read_summary
from nodes.paths import HOW, absolute, check_path, resolve
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import plain_errors
from nodes.settings import CATEGORY


@knext.node(
    "Model Reader",
    knext.NodeType.SOURCE,
    "icons/model_reader.png",
    CATEGORY,
    id="ModelReader",
    keywords=["load", "model", "read", "segmentation", "pretrained"],
)
@knext.output_port("Model", "The model in the file.", model_port)
class ModelReader:
    """Reads a model from a file.

    Use it to apply or retrain a model that the *Model Writer* wrote, in this workflow or another.
    """

    path = knext.StringParameter("File", f"A model file (`.microseg`). {HOW}", "")

    def configure(self, ctx: Any) -> SegmentationModelSpec:
        """What the model is, where the file can be found before the workflow's folder is known."""
        path = absolute(check_path(self.path, "model file"))
        return SegmentationModelSpec(read_summary(path) if path else None)

    def execute(self, ctx: Any) -> SegmentationModelObject:
        """Reads the file, and with it checks that it is whole."""
        with plain_errors():
            from core.model import SegmentationModel

            return SegmentationModelObject.of(SegmentationModel.load(resolve(ctx, self.path, "model file")))
