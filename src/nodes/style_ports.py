"""The port that carries a learned style."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

if TYPE_CHECKING:
    from core.adaptation.style.model import StyleModel


class StyleModelSpec(knext.PortObjectSpec):
    """What is known of a style without the network's weights.

    Parameters
    ----------
    summary : the style's configuration as `StyleModel.summary` gives it, or nothing while it is not learned yet.
    """

    def __init__(self, summary: dict[str, Any] | None = None) -> None:
        self.summary = summary or {}

    @property
    def channels(self) -> int | None:
        """Number of channels of the images it takes and makes, None if not yet known."""
        value = self.summary.get("generator", {}).get("channels")
        return int(value) if value else None

    def serialize(self) -> dict[str, Any]:
        """The spec as JSON-able values."""
        return {"summary": self.summary}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "StyleModelSpec":
        """The spec from what `serialize` gave, by this version or another."""
        return cls(data.get("summary"))


class StyleModelObject(knext.PortObject):
    """A learned style on its way between nodes.

    Parameters
    ----------
    spec : what the style is.
    content : the model file's bytes.
    """

    def __init__(self, spec: StyleModelSpec, content: bytes) -> None:
        super().__init__(spec)
        self.content = content

    @classmethod
    def of(cls, model: "StyleModel") -> "StyleModelObject":
        """A learned style as port object."""
        return cls(StyleModelSpec(model.summary()), model.to_bytes())

    def load(self) -> "StyleModel":
        """The model itself.

        Raises
        ------
        ModelFormatError : it is damaged or of a newer version.
        """
        from core.adaptation.style.model import StyleModel

        return StyleModel.from_bytes(self.content, "The style model at the input port")

    def serialize(self) -> bytes:
        """The model file's bytes."""
        return self.content

    @classmethod
    def deserialize(cls, spec: StyleModelSpec, storage: bytes) -> "StyleModelObject":
        """The object from its spec and what `serialize` gave."""
        return cls(spec, storage)


style_model_port = knext.port_type("Style Model", StyleModelObject, StyleModelSpec, id="org.microseg.style.model")
