"""Settings of a style that is taken over from target images without training."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.settings import device_parameter

if TYPE_CHECKING:
    from core.adaptation.style import StyleConfig


class Method(knext.EnumParameterOptions):
    """How the look of the target images is taken over."""

    STANDARDIZE = (
        "Standardise",
        "Brightness and contrast become those of the target images: grey values are stretched and shifted, no more.",
    )
    HISTOGRAM = (
        "Histogram matching",
        "Every grey value becomes as frequent as in the target images. Where these show more of something dark, the "
        "images get darker, too.",
    )
    FOURIER = (
        "Fourier style",
        "The strength of coarse structures, brightness and uneven illumination among them, becomes that of a target "
        "image. Fine structures stay as they are.",
    )
    MODEL = ("Style model", "A network of the Style Transfer Learner, which changes fine structures and noise, too.")


class Measure(knext.EnumParameterOptions):
    """What brightness and contrast are."""

    DEVIATION = ("Mean and standard deviation", "Of all pixels.")
    PERCENTILES = ("Percentiles", "A dark and a bright percentile, which single extreme pixels do not move.")


class Reference(knext.EnumParameterOptions):
    """Where the coarse structures come from."""

    IMAGE = ("One target image", "Drawn for every image by the seed: as varied as the target images are.")
    MEAN = ("The mean of all", "The mean strength in all target images: the same for every image.")


_FOURIER, _STANDARDIZE = [Method.FOURIER.name], [Method.STANDARDIZE.name]


@knext.parameter_group("Style")
class StyleSettings:
    """What of the target images is taken over, and how."""

    method = knext.EnumParameter(
        "Method",
        "How the look is taken over.",
        Method.STANDARDIZE.name,
        Method,
        style=knext.EnumParameter.Style.DROPDOWN,
    )
    measure = knext.EnumParameter(
        "Brightness and contrast by",
        "What of every image becomes that of all target images together.",
        Measure.DEVIATION.name,
        Measure,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    ).rule(knext.OneOf(method, _STANDARDIZE), knext.Effect.SHOW)
    low = knext.DoubleParameter(
        "Dark percentile (0 to 100)", "Below the bright one.", 1.0, min_value=0.0, max_value=100.0
    ).rule(
        knext.And(knext.OneOf(method, _STANDARDIZE), knext.OneOf(measure, [Measure.PERCENTILES.name])),
        knext.Effect.SHOW,
    )
    high = knext.DoubleParameter(
        "Bright percentile (0 to 100)", "Above the dark one.", 99.8, min_value=0.0, max_value=100.0
    ).rule(
        knext.And(knext.OneOf(method, _STANDARDIZE), knext.OneOf(measure, [Measure.PERCENTILES.name])),
        knext.Effect.SHOW,
    )
    beta = knext.DoubleParameter(
        "Finest structure replaced (waves per pixel, 0 to 0.5)",
        "0.02 is a wave of 50 pixels; 0 replaces nothing, 0.5 everything. 0.01 to 0.1 are usual. Larger values bring "
        "content of the target image into the images.",
        0.02,
        min_value=0.0,
        max_value=0.5,
    ).rule(knext.OneOf(method, _FOURIER), knext.Effect.SHOW)
    reference = knext.EnumParameter(
        "Coarse structures of",
        "What the strength of coarse structures is taken from.",
        Reference.IMAGE.name,
        Reference,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    ).rule(knext.OneOf(method, _FOURIER), knext.Effect.SHOW)
    seed = knext.IntParameter(
        "Seed",
        "What chance begins with: the same seed and images give the same result. 0 to 2,147,483,647.",
        0,
        min_value=0,
        max_value=2**31 - 1,
        is_advanced=True,
    ).rule(knext.And(knext.OneOf(method, _FOURIER), knext.OneOf(reference, [Reference.IMAGE.name])), knext.Effect.SHOW)
    padding = knext.BoolParameter(
        "Zeros at the edges are padding",
        "Rows and columns of zeros, and areas of zeros at the corners, fill an image up to a rectangle where they end "
        "abruptly: they are left out of all statistics and stay zero. Switch it off where 0 is a grey value there.",
        True,
    )

    device = device_parameter().rule(knext.OneOf(method, [Method.MODEL.name]), knext.Effect.SHOW)

    def validate(self, values: dict[str, Any]) -> None:
        """Raise an InvalidParametersError if the percentiles are upside down."""
        used = (values["method"], values["measure"]) == (Method.STANDARDIZE.name, Measure.PERCENTILES.name)
        if used and values["low"] >= values["high"]:
            raise knext.InvalidParametersError(
                f"The dark percentile ({values['low']:g}) is not below the bright one ({values['high']:g}). Exchange "
                "them."
            )

    def check(self) -> None:
        """The same for the settings in force, which may come from flow variables."""
        self.validate({name: getattr(self, name) for name in ("method", "measure", "low", "high")})

    @property
    def is_model(self) -> bool:
        """Whether a network changes the images, and not the target images."""
        return bool(self.method == Method.MODEL.name)

    @property
    def words(self) -> str:
        """The method's name."""
        return str(Method[self.method].label)

    def config(self) -> "StyleConfig":
        """These settings for the library; not of a model."""
        from core.adaptation.style import style_config

        settings: dict[str, dict[str, Any]] = {
            Method.STANDARDIZE.name: {"range": self.measure.lower(), "low": self.low, "high": self.high},
            Method.HISTOGRAM.name: {},
            Method.FOURIER.name: {"beta": self.beta, "reference": self.reference.lower(), "seed": self.seed},
        }
        return style_config(self.method.lower(), padding=self.padding, **settings[self.method])
