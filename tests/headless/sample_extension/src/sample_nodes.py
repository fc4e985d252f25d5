"""Nodes with the ports, parameters and columns of those in the golden workflows; image i is full of 10 i."""

import io
import json
from typing import Any

import knime.extension as knext
import numpy as np
import pyarrow as pa
from knime.types.builtin import DenseByteVectorValue
from PIL import Image

category = knext.category("/community", "sample", "Sample", "Samples", icon="icons/icon.png")
LOOK: dict[str, Any] = {"icon_path": "icons/icon.png", "category": category}


class Spec(knext.PortObjectSpec):
    """Nothing is known of an object before it exists."""

    def serialize(self) -> dict[str, Any]:
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "Spec":
        return cls()


class Model(knext.PortObject):
    """A number that is added to scores."""

    def __init__(self, spec: Spec, bias: float) -> None:
        super().__init__(spec)
        self.bias = bias

    def serialize(self) -> bytes:
        return json.dumps(self.bias).encode()

    @classmethod
    def deserialize(cls, spec: Spec, storage: bytes) -> "Model":
        return cls(spec, json.loads(storage))


class PlotSpec(Spec):
    """Of a plot."""


class Plot(Model):
    """In KNIME a picture."""


model_port = knext.port_type("Sample Model", Model, Spec, id="org.example.sample.model")
plot_port = knext.port_type("Plot", Plot, PlotSpec, id="org.example.sample.plot")


class DTypes(knext.EnumParameterOptions):
    """Types of pixels."""

    UINT16 = ("16 bit", "Unsigned.")
    FLOAT32 = ("32 bit float", "Single precision.")
    INT32 = ("32 bit integer", "For labels.")


@knext.parameter_group("Image")
class ImageSettings:
    """What the images look like."""

    dtype = knext.EnumParameter("Data type", "Of the pixels.", DTypes.FLOAT32.name, DTypes)
    height = knext.IntParameter("Height", "Rows.", 5, min_value=1)
    width = knext.IntParameter("Width", "Columns.", 7, min_value=1)
    channels = knext.IntParameter("Channels", "Channels.", 2, min_value=1)


def cells(kind: Any, storage: list[Any]) -> pa.Array:
    """Cells of a logical type."""
    arrow = kind.to_pyarrow()
    return pa.ExtensionArray.from_storage(arrow, pa.array(storage, arrow.storage_type))


def encoded(pixels: np.ndarray[Any, Any], kind: str) -> bytes:
    """An array as NPY or PNG."""
    file = io.BytesIO()
    if kind == "PNG":
        Image.fromarray(pixels[0].astype(np.uint8)).save(file, "PNG")
        return file.tell().to_bytes(4, "little") + file.getvalue()
    np.save(file, pixels)
    return file.getvalue()


TENSOR, PNG = knext.logical(DenseByteVectorValue), knext.logical(Image.Image)


@knext.node("Tensor Source", knext.NodeType.SOURCE, id="TensorSource", **LOOK)
@knext.output_table("Images", "One image per row.")
@knext.output_port("Model", "A model.", model_port)
class TensorSource:
    """Makes images.

    Of constant brightness.
    """

    n = knext.IntParameter("Number of images", "How many.", 3, min_value=0)
    image = ImageSettings()
    previews = knext.BoolParameter("Append previews", "Adds a PNG column.", True)

    def configure(self, context: Any) -> Any:
        columns = [knext.Column(TENSOR, "tensor"), knext.Column(knext.string(), "name")]
        if self.previews:
            columns.append(knext.Column(PNG, "preview"))
        return knext.Schema.from_columns(columns), Spec()

    def execute(self, context: Any) -> Any:
        shape = (self.image.channels, self.image.height, self.image.width)
        images = [np.full(shape, 10 * i, self.image.dtype.lower()) for i in range(self.n)]
        columns: dict[str, Any] = {
            "tensor": cells(TENSOR, [encoded(image, "NPY") for image in images]),
            "name": pa.array([f"im{i}" for i in range(self.n)], pa.string()),
        }
        if self.previews:
            columns["preview"] = cells(PNG, [{"0": None, "1": encoded(image, "PNG")} for image in images])
        context.flow_variables["n_images"] = self.n
        return knext.Table.from_pyarrow(pa.table(columns), row_ids="generate"), Model(Spec(), 1.5)


@knext.node("Tensor Consumer", knext.NodeType.PREDICTOR, id="TensorConsumer", **LOOK)
@knext.input_port("Model", "The model.", model_port)
@knext.input_table("Images", "Images to score.")
@knext.input_table("Extra", "Not needed.", optional=True)
@knext.output_table("Scores", "One row per image.")
@knext.output_port("Plot", "A picture.", plot_port)
class TensorConsumer:
    """Scores images.

    By their mean.
    """

    column = knext.ColumnParameter("Image column", "Of tensors.", port_index=1)
    scale = knext.DoubleParameter("Scale", "Factor.", 2.0, min_value=0.0)

    def configure(self, context: Any, model: Any, schema: Any, extra: Any) -> Any:
        if self.column is None:
            self.column = next(column.name for column in schema if column.ktype == TENSOR)
        return schema.append(knext.Column(knext.double(), "score")), PlotSpec()

    def execute(self, context: Any, model: Any, table: Any, extra: Any) -> Any:
        data = table.to_pyarrow()
        pixels = [np.load(io.BytesIO(bytes(cell.as_py()))) for cell in data.column(self.column)]
        scores = pa.array([float(image.mean()) * self.scale + model.bias for image in pixels], pa.float64())
        scored = knext.Table.from_pyarrow(data.append_column("score", scores), row_ids="keep")
        return scored, Plot(PlotSpec(), 0.0)
