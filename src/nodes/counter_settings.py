"""Settings of the Instance Counter."""

from typing import Any

import knime.extension as knext


class EdgeRule(knext.EnumParameterOptions):
    """What to do with objects that the image cuts off."""

    ALL = ("Count all", "Every object counts as one.")
    EXCLUDE = ("Leave out", "Objects that touch the edge of the image are not counted, and left out of the objects.")
    HALF = ("Count half", "Objects that touch the edge count as a half: on average, that is their share of the image.")


class Stacks(knext.EnumParameterOptions):
    """What becomes of Z-stacks."""

    REFUSE = ("Refuse", "Stop and name the row: areas are measured in 2-D images.")
    IN_3D = (
        "Count in 3-D",
        "An object is what has one number in all slices. The tables have volumes in place of areas; a 2-D image is a "
        "stack of one slice.",
    )


class Unit(knext.EnumParameterOptions):
    """In which unit limits are."""

    PIXELS = ("Pixels", "Areas in pixels; in 3-D volumes in voxels.")
    MICROMETRES = ("µm²", "Areas in square micrometres, in 3-D volumes in µm³; every image must have a pixel size.")


@knext.parameter_group("Objects to count")
class LimitSettings:
    """Which objects count."""

    edge = knext.EnumParameter(
        "Objects at the edge",
        "What to do with objects that the image cuts off.",
        EdgeRule.ALL.name,
        EdgeRule,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    unit = knext.EnumParameter(
        "Unit of the areas",
        "In which unit the two limits are that follow.",
        Unit.PIXELS.name,
        Unit,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    smallest = knext.DoubleParameter(
        "Smallest area (0: no limit)",
        "Objects with a smaller area are left out; in 3-D with a smaller volume.",
        0.0,
        min_value=0.0,
    )
    largest = knext.DoubleParameter(
        "Largest area (0: no limit)",
        "Objects with a larger area are left out; in 3-D with a larger volume.",
        0.0,
        min_value=0.0,
    )

    def validate(self, values: dict[str, Any]) -> None:
        """Raise an InvalidParametersError if no object can have the areas that are asked for."""
        if 0 < values["largest"] < values["smallest"]:
            raise knext.InvalidParametersError("The largest area is below the smallest. Exchange them.")

    def check(self) -> None:
        """The same for the settings in force."""
        self.validate({"smallest": self.smallest, "largest": self.largest})
