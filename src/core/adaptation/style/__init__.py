"""Images in the look of others: brightness, contrast, histogram, or the amplitudes of low frequencies.

    style = make_style(HistogramConfig(), [("row 1", image), ("row 2", another)])
    changed = style.apply(image)                # Image
    changed, warnings = style.transfer(image)   # Image, list of sentences
    style.warnings                              # what is doubtful about the target images

A new style is one more file here and a line in `STYLES`; "standardize", "histogram" and "fourier" are those of
`StandardizeConfig`, `HistogramConfig` and `FourierConfig`. They need a target's images, no training.
"""

from collections.abc import Callable, Iterable
from typing import Any

from core.adaptation.style.fourier import FourierConfig, FourierStyle
from core.adaptation.style.histogram import HistogramConfig, HistogramStyle
from core.adaptation.style.method import Style, StyleConfig
from core.adaptation.style.standardize import StandardizeConfig, StandardizeStyle
from core.config import require
from core.image import Image
from core.progress import SILENT, Progress

STYLES: dict[str, tuple[type[StyleConfig], Callable[[Any], Style]]] = {
    "standardize": (StandardizeConfig, StandardizeStyle),
    "histogram": (HistogramConfig, HistogramStyle),
    "fourier": (FourierConfig, FourierStyle),
}
"""Configuration and class of every style, by its name."""


def style_config(name: str, **settings: Any) -> StyleConfig:
    """The configuration of a style by the style's name.

    Raises
    ------
    UserInputError : no style of that name, a setting that it does not have, a value out of its bounds.
    """
    require(name in STYLES, "style", name, f"one of {', '.join(STYLES)}")
    return STYLES[name][0].from_dict(settings)


def make_style(config: StyleConfig, targets: Iterable[tuple[str, Image]], progress: Progress = SILENT) -> Style:
    """The style that a configuration describes, learned from target images.

    Parameters
    ----------
    config : one of the configurations in `STYLES`.
    targets : pairs of a name for messages and an image; looked at once, one after the other, none is kept.
    progress : asked for cancellation.

    Raises
    ------
    UserInputError : no target image, images of different kinds, no contrast in any of them; names the image.
    """
    return next(style(config) for known, style in STYLES.values() if known is type(config)).fit(targets, progress)


__all__ = [
    "STYLES",
    "FourierConfig",
    "HistogramConfig",
    "StandardizeConfig",
    "Style",
    "StyleConfig",
    "make_style",
    "style_config",
]
