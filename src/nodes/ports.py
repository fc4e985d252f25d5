"""The port that carries a model, and what its spec tells a node before anything runs."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

if TYPE_CHECKING:
    from core.model import SegmentationModel


class SegmentationModelSpec(knext.PortObjectSpec):
    """What is known of a model without its weights.

    Parameters
    ----------
    summary : the model's configuration as `SegmentationModel.summary` gives it; a part of it, or nothing, while the
        model is not there yet.
    """

    def __init__(self, summary: dict[str, Any] | None = None) -> None:
        self.summary = summary or {}

    @property
    def channels(self) -> int | None:
        """Number of channels of the images it takes, None if not yet known."""
        value = self.summary.get("network", {}).get("in_channels")
        return int(value) if value else None

    @property
    def head(self) -> str | None:
        """What it predicts, a name of `core.heads.HEADS`, None if not yet known."""
        name = self.summary.get("head", {}).get("name")
        return str(name) if name else None

    @property
    def pixel_size(self) -> float:
        """Pixel size of the images it was trained on in micrometres, 0 if not known."""
        return float(self.summary.get("pixel_size", 0.0))

    @property
    def grid(self) -> int | None:
        """Stride of its output in pixels, None if not yet known."""
        value = self.summary.get("network", {}).get("grid")
        return int(value) if value else None

    def check_segments(self, *, guesses: bool = False) -> None:
        """Raise an InvalidParametersError if it has learned from images without labels only, as far as is known.

        With `guesses` one that can guess where objects are will do.
        """
        from core.errors import UserInputError
        from core.model_summary import check_segments

        try:
            check_segments(self.summary, guesses=guesses)
        except UserInputError as error:
            raise knext.InvalidParametersError(str(error)) from None

    def serialize(self) -> dict[str, Any]:
        """The spec as JSON-able values."""
        return {"summary": self.summary}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "SegmentationModelSpec":
        """The spec from what `serialize` gave, by this version or another."""
        return cls(data.get("summary"))


class SegmentationModelObject(knext.PortObject):
    """A model on its way between nodes.

    Parameters
    ----------
    spec : what the model is.
    content : the model file's bytes.
    """

    def __init__(self, spec: SegmentationModelSpec, content: bytes) -> None:
        super().__init__(spec)
        self.content = content

    @classmethod
    def of(cls, model: "SegmentationModel") -> "SegmentationModelObject":
        """A model as port object."""
        return cls(SegmentationModelSpec(model.summary()), model.to_bytes())

    def load(self) -> "SegmentationModel":
        """The model itself.

        Raises
        ------
        ModelFormatError : it is damaged or of a newer version.
        """
        from core.model import SegmentationModel

        return SegmentationModel.from_bytes(self.content, "The model at the input port")

    def serialize(self) -> bytes:
        """The model file's bytes."""
        return self.content

    @classmethod
    def deserialize(cls, spec: SegmentationModelSpec, storage: bytes) -> "SegmentationModelObject":
        """The object from its spec and what `serialize` gave."""
        return cls(spec, storage)


model_port = knext.port_type(
    "Segmentation Model",
    SegmentationModelObject,
    SegmentationModelSpec,
    id="org.microseg.segmentation.model",
)
