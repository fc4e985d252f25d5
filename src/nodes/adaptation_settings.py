"""Settings of an adaptation: strategies, the model, weights; names of parameters and constants are for ever."""

from typing import Any

import knime.extension as knext

from nodes.network_settings import (
    Head,
    base_parameter,
    check_network,
    depth_parameter,
    encoder_file_parameter,
    encoder_weights_parameter,
    head_parameter,
    network_parameter,
    validate_network,
)


class Strategy(knext.EnumParameterOptions):
    """How the model is brought to the target images."""

    AUTO = (
        "Automatic",
        "Tries out the first four that follow and the mean teacher, and takes the model whose objects on the target "
        "images look most like the labelled ones. Five times as long as one training.",
    )
    NONE = ("No adaptation", "A usual training; only the epoch is chosen by the target images.")
    VARIATION = (
        "Stronger variation",
        "Patches are varied more, in what differs between microscopes: brightness, contrast, noise, sharpness.",
    )
    HISTOGRAM = (
        "Histogram matching",
        "Stronger variation, and the labelled images once more with the grey values of the target images.",
    )
    FOURIER = (
        "Fourier style",
        "Stronger variation, and the labelled images once more with the coarse light and shade of target images.",
    )
    MEAN_TEACHER = (
        "Mean teacher",
        "Stronger variation, and what the model itself is sure of on the target images. Twice as long.",
    )
    RESTORATION = (
        "Self-supervised pretraining",
        "The network first learns to restore degraded images of both kinds. Twice as long.",
    )
    Y_NET = ("Y-Net", "The network learns to reconstruct the images of both kinds besides. Twice as long.")
    ATTENTION_Y_NET = (
        "Attention Y-Net",
        "The same with an Attention U-Net, in three steps; the network that is set has no effect.",
    )
    ADVERSARIAL = (
        "Adversarial alignment",
        "The network learns to make of both kinds of images what cannot be told apart. Twice as long.",
    )


def title(strategy: str) -> str:
    """What people call a strategy of the library."""
    return str(Strategy[strategy.upper()].label)


@knext.parameter_group("Model")
class AdaptedModelSettings:
    """What the model is made of, where none is connected to start from."""

    head = head_parameter(Head.FOREGROUND)
    network = network_parameter()
    encoder_weights = encoder_weights_parameter(network)
    encoder_file = encoder_file_parameter(network, encoder_weights)
    base = base_parameter()
    depth = depth_parameter()

    def validate(self, values: dict[str, Any]) -> None:
        """Raise an InvalidParametersError if the values make no network."""
        validate_network({**values, "grid": 1})

    def check(self) -> None:
        """The same for the settings in force, and that a file of weights is named where one is needed."""
        check_network(self)

    @property
    def grid(self) -> int:
        """The stride of the output in pixels."""
        return 2 if self.head == Head.STARDIST.name else 1


@knext.parameter_group("Strength", is_advanced=True)
class StrengthSettings:
    """How much strategies weigh what they learn without labels."""

    reconstruction = knext.DoubleParameter(
        "Reconstruction (Y-Net)",
        "Weight of the reconstruction's error beside that of the segmentation, 0 to 100.",
        1.0,
        min_value=0.0,
        max_value=100.0,
    )
    adversarial = knext.DoubleParameter(
        "Deception (adversarial alignment)",
        "How strongly the network is to deceive those that tell the kinds of images apart, 0 to 10.",
        0.001,
        min_value=0.0,
        max_value=10.0,
    )
    agreement = knext.DoubleParameter(
        "Agreement (mean teacher)",
        "Weight of what differs from the model's own running average on the target images, 0 to 100.",
        0.5,
        min_value=0.0,
        max_value=100.0,
    )
