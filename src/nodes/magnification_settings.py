"""Settings of the task of telling magnifications apart."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import knime.extension as knext

if TYPE_CHECKING:
    from core.pretraining.magnification.config import MagnificationConfig

NEW = "0.2.0"


class Answer(knext.EnumParameterOptions):
    """What is asked of the network."""

    CLASSES = ("Which of these", "Patches have one of the magnifications above.")
    CONTINUOUS = ("Any in between", "Patches have any magnification from the first to the last, which is estimated.")


def scales_parameter(task: Any, magnification: str) -> Any:
    """By how much patches are shrunk; shown where the task is this one."""
    return knext.StringParameter(
        "Magnifications to tell apart (1 / ...)",
        "By how much patches are shrunk: two to eight numbers from 1 to 16, each larger than the one before. 1 is the "
        "magnification of the finest images, 2 half of it, 4 a quarter. At a quarter, images must be 4 times as high "
        "and wide as the patch size.",
        "1, 2, 4",
        since_version=NEW,
    ).rule(knext.OneOf(task, [magnification]), knext.Effect.SHOW)


def answer_parameter(task: Any, magnification: str) -> Any:
    """What is asked; shown where the task is this one."""
    return knext.EnumParameter(
        "What is asked",
        "Which magnifications patches have.",
        Answer.CLASSES.name,
        Answer,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
        is_advanced=True,
        since_version=NEW,
    ).rule(knext.OneOf(task, [magnification]), knext.Effect.SHOW)


def coverage_parameter(task: Any, magnification: str) -> Any:
    """How much of images is expected to be objects; shown where the task is this one."""
    return knext.DoubleParameter(
        "Share of the area in objects (0.01 to 0.9)",
        "About how much of the images objects cover: 0.1 is a tenth. The network looks at so much of a patch.",
        0.1,
        min_value=0.01,
        max_value=0.9,
        since_version=NEW,
    ).rule(knext.OneOf(task, [magnification]), knext.Effect.SHOW)


def scales_of(text: str) -> tuple[float, ...]:
    """The numbers in the text; raises an InvalidParametersError where they are no magnifications."""
    try:
        scales = tuple(float(part) for part in text.replace(";", ",").split(","))
    except ValueError:
        scales = ()
    rising = all(low < high for low, high in pairwise(scales))
    if not (2 <= len(scales) <= 8 and rising and all(1 <= scale <= 16 for scale in scales)):
        raise knext.InvalidParametersError(
            f"The magnifications are '{text}'. Enter two to eight numbers from 1 to 16, each larger than the one "
            "before, with commas between them: 1, 2, 4."
        )
    return scales


def check_magnification(node: Any) -> None:
    """Raise an InvalidParametersError if the settings of the node do not go with the task."""
    scales_of(node.scales)
    if node.network.grid != 1:
        raise knext.InvalidParametersError(
            f"The stride of the output is {node.network.grid}, but where a network looks to tell magnifications apart "
            "it says pixel by pixel. Set it to 1."
        )


def magnification_config(node: Any, *, chosen: bool) -> "MagnificationConfig":
    """The settings of the node for the library, where the task is chosen; what it would be otherwise."""
    from core.pretraining.magnification.config import MagnificationConfig

    if not chosen:
        return MagnificationConfig()
    continuous = node.answer == Answer.CONTINUOUS.name
    return MagnificationConfig(scales=scales_of(node.scales), continuous=continuous, coverage=node.coverage)
