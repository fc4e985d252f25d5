"""Model Writer."""

from typing import Any

import knime.extension as knext

from nodes.paths import HOW, check_path, output_folder, safe_name
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import plain_errors, progress_of
from nodes.settings import CATEGORY

SUFFIX = ".microseg"


class Existing(knext.EnumParameterOptions):
    """What to do with a file of this name."""

    FAIL = ("Fail", "Stop; the file stays as it is.")
    OVERWRITE = ("Overwrite", "Replace the file, once the new one is whole.")


@knext.node(
    "Model Writer",
    knext.NodeType.SINK,
    "icons/model_writer.png",
    CATEGORY,
    id="ModelWriter",
    keywords=["save", "model", "write", "segmentation", "export"],
)
@knext.input_port("Model", "The model to write, for instance of a *Segmentation Learner*.", model_port)
class ModelWriter:
    """Writes a model to a file.

    Use it to keep a trained model, or to give it to others. The file (`.microseg`) holds everything that applying and
    retraining need: the weights, how images are normalised, the thresholds, the size of the objects, the curve of the
    training, and where the model comes from. It holds none of your images. Read it with the *Model Reader*, in any
    workflow on any computer with this extension; put several into one folder to have the *Pretraining Advisor* choose
    among them.

    **Example:** behind a *Segmentation Learner*, set the folder to `models` and *File name* to `nuclei-40x`: the file
    `nuclei-40x.microseg` appears in the folder `models` of the workflow's data area. When you train again, choose
    another name, or set *If the file exists* to *Overwrite*: the old file is replaced once the new one is whole.

    **Limits:** a model of the default size takes 6 MB, the widest and deepest networks some hundred. The last folder of
    the path is created, the ones above it must exist. The file is for this extension: it is no PyTorch or ONNX file,
    though its weights are in the open format safetensors. Files of older versions of the extension can be read, those
    of newer ones perhaps not.
    """

    folder = knext.StringParameter(
        "Folder to write to", f"The folder of the file. It is created if only its last part does not exist. {HOW}", ""
    )
    name = knext.StringParameter("File name", f"`{SUFFIX}` is added to a name without it.", "model")
    existing = knext.EnumParameter(
        "If the file exists",
        "What to do with a file of this name.",
        Existing.FAIL.name,
        Existing,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )

    def configure(self, ctx: Any, model: SegmentationModelSpec) -> None:
        """Only the path can be wrong."""
        check_path(self.folder, "folder for the model")
        if not self.name.strip() or safe_name(self.name.strip()) != self.name.strip():
            raise knext.InvalidParametersError(
                f"{self.name!r} cannot be a file name on every system. Enter one without a folder and without any of "
                '< > : " / \\ | ? *'
            )

    def execute(self, ctx: Any, model: SegmentationModelObject) -> None:
        """Writes the file."""
        with plain_errors():
            progress_of(ctx).step(0.0, "Writing the model")
            from core.errors import OutputError
            from core.io.write import atomic

            path = output_folder(ctx, self.folder, "folder for the model") / self.name.strip()
            if path.suffix != SUFFIX:
                path = path.with_name(path.name + SUFFIX)
            if path.exists() and self.existing == Existing.FAIL.name:
                raise OutputError(
                    "The file exists already.", where=str(path), todo="Choose another name, or let it be overwritten."
                )
            with atomic(path) as part:
                part.write_bytes(model.content)
