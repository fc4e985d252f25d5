"""Models that come with the program: trained by `make weights`, each with a card that says on what, and how good it is.

Cards are read without PyTorch.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import require
from core.errors import ModelFormatError
from core.model_summary import read_summary
from core.pretrained.card import ModelCard

if TYPE_CHECKING:
    from core.model import SegmentationModel

NAMES = ("nuclei-fluorescence", "nuclei-all", "simulated-mixed")


def path_of(name: str) -> Path:
    """The model's file.

    Raises
    ------
    UserInputError : there is no such model.
    """
    require(name in NAMES, "pretrained model", name, f"one of {', '.join(NAMES)}")
    return Path(__file__).with_name(f"{name}.microseg")


def summary_of(name: str) -> dict[str, Any]:
    """The model's configuration, as `core.model_summary.read_summary` gives it.

    Raises
    ------
    UserInputError : there is no such model.
    ModelFormatError : its file is missing or damaged.
    """
    summary = read_summary(path_of(name))
    if "card" not in summary.get("provenance", {}):
        raise ModelFormatError(
            "This model is missing or damaged.", where=str(path_of(name)), todo="Install the extension again."
        )
    return summary


def card_of(name: str) -> ModelCard:
    """The model's card; raises as `summary_of`."""
    return ModelCard.from_dict(summary_of(name)["provenance"]["card"])


def load(name: str) -> "SegmentationModel":
    """The model itself.

    Raises
    ------
    UserInputError : there is no such model.
    ModelFormatError : its file is missing or damaged.
    """
    from core.model import SegmentationModel

    return SegmentationModel.load(path_of(name))
