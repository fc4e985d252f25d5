"""How images without labels choose the epoch of a training; names of parameters and constants are for ever."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.settings import connected

if TYPE_CHECKING:
    from core.training.selection import SelectionConfig

NEW = "0.2.0"


class Criterion(knext.EnumParameterOptions):
    """What of the objects on images without labels is compared with the labelled objects."""

    COMBINED = (
        "All that is known",
        "Their convexity and size, the share of the area that is theirs, and how sure the model is of them: the usual "
        "choice. Large objects count more than small ones.",
    )
    SOLIDITY = (
        "Convexity alone (solidity)",
        "As published (Franco-Barranco et al. 2022): where objects on the target images are of another size, or cover "
        "more or less of the area, than on the labelled ones.",
    )


class PixelSizes(knext.EnumParameterOptions):
    """What to do with images without labels whose pixels are of another size."""

    RESCALE = (
        "Rescale",
        "Target images are enlarged or shrunk to the pixel size of the labelled ones, now and whenever the model is "
        "applied; with a warning.",
    )
    REFUSE = ("Fail", "Stop and say both sizes.")
    IGNORE = ("Ignore", "Take the pixels as they are: where the sizes that files tell are wrong.")


def selection_settings(port: int | None = None) -> Any:
    """The settings of a choice of the epoch, shown only where something is connected to an input port, if one is named.

    Returns
    -------
    A parameter group `SelectionSettings` with `criterion`, `earliest` and `pixel_sizes`. Its method `config()` gives
    the `SelectionConfig`, its property `other_pixels` one of `core.training.target.PIXEL_SIZES`.
    """

    def shown(parameter: Any) -> Any:
        return parameter if port is None else parameter.rule(connected(port), knext.Effect.SHOW)

    @knext.parameter_group("Choice of the epoch", since_version=NEW)
    class SelectionSettings:
        """How target images, which need no labels, tell which epoch of the training is the best."""

        criterion = shown(
            knext.EnumParameter(
                "Epoch chosen by",
                "The epoch is taken whose objects on the target images look most as labelled objects do.",
                Criterion.COMBINED.name,
                Criterion,
                style=knext.EnumParameter.Style.DROPDOWN,
                is_advanced=True,
                since_version=NEW,
            )
        )
        earliest = shown(
            knext.DoubleParameter(
                "Earliest epoch (share of all, 0 to 0.9)",
                "Epochs before it are not chosen, because few objects, found by chance, may look right. 0.5 leaves out "
                "the first half.",
                0.5,
                min_value=0.0,
                max_value=0.9,
                is_advanced=True,
                since_version=NEW,
            )
        )
        pixel_sizes = shown(
            knext.EnumParameter(
                "Other pixel sizes",
                "What to do if the pixels of the target images are of another size (µm) than those of the labelled "
                "images.",
                PixelSizes.RESCALE.name,
                PixelSizes,
                style=knext.EnumParameter.Style.VALUE_SWITCH,
                is_advanced=True,
                since_version=NEW,
            )
        )

        @property
        def other_pixels(self) -> str:
            """What to do with other pixel sizes, for the library."""
            return str(self.pixel_sizes).lower()

        def config(self) -> "SelectionConfig":
            """How the epoch is chosen, for the library."""
            from core.training.selection import SelectionConfig

            return SelectionConfig(criterion=self.criterion.lower(), earliest=self.earliest)

    return SelectionSettings()
