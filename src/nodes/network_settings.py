"""The choice of a head and a network, for nodes that train one; names of parameters and constants are for ever."""

from typing import Any

import knime.extension as knext

from nodes.paths import HOW, check_path, resolve


class Head(knext.EnumParameterOptions):
    """What the network predicts, and how objects come out of it."""

    STARDIST = (
        "Round, may touch (StarDist)",
        "Every object as a star-convex polygon: for round objects that touch, such as nuclei.",
    )
    FOREGROUND = (
        "Any shape, rarely touch (foreground)",
        "Object or background for every pixel; what is connected is one object.",
    )
    DISTANCE = (
        "Small, clustered or irregular (distance)",
        "How deep inside its object every pixel lies; every peak is one object. Tells touching objects of any shape "
        "apart, from about three pixels across.",
    )


class Network(knext.EnumParameterOptions):
    """The network."""

    UNET = ("U-Net", "Fast, and good with few images.")
    RES_UNET = ("Res-U-Net", "With residual blocks: slower; for many images.")
    ATTENTION_UNET = (
        "Attention U-Net",
        "A U-Net that weighs, for every pixel, what it takes over from finer levels.",
    )
    EFFICIENTNET_LITE0 = (
        "U-Net on EfficientNet-Lite0",
        "Small, and can start from what it learned on a million photographs (ImageNet).",
    )
    RESNET18 = ("U-Net on ResNet-18", "Can start from a file with weights of ImageNet.")
    RESNET34 = ("U-Net on ResNet-34", "The same, deeper.")
    RESNET50 = ("U-Net on ResNet-50", "The same, deeper and wider: slow without a graphics card.")


def network_title(name: str) -> str:
    """What people call a network of the library."""
    return str(Network[name.upper()].label)


class EncoderWeights(knext.EnumParameterOptions):
    """What the way down of a network on an image classifier starts from."""

    RANDOM = ("Random weights", "Everything is learned from your images.")
    IMAGENET = ("ImageNet (EfficientNet-Lite0 only)", "The weights that are installed with this extension.")
    FILE = ("A file", "The file of weights that torchvision or timm publish for this network.")


ENCODERS = [
    Network.EFFICIENTNET_LITE0.name,
    Network.RESNET18.name,
    Network.RESNET34.name,
    Network.RESNET50.name,
]
"""Networks on an image classifier."""


def head_parameter(usual: Head) -> knext.EnumParameter:
    """The choice of the head."""
    return knext.EnumParameter("Shape of the objects", "How objects are found.", usual.name, Head)


def network_parameter(description: str = "What looks at the image.") -> knext.EnumParameter:
    """The choice of the network."""
    return knext.EnumParameter(
        "Network",
        description,
        Network.UNET.name,
        Network,
        style=knext.EnumParameter.Style.DROPDOWN,
        is_advanced=True,
    )


def encoder_weights_parameter(network: Any) -> knext.EnumParameter:
    """What it starts from; shown where the parameter `network` lets it choose."""
    return knext.EnumParameter(
        "Network starts from",
        "What the network has learned before it sees your images. That changes from the second epoch on.",
        EncoderWeights.RANDOM.name,
        EncoderWeights,
        style=knext.EnumParameter.Style.DROPDOWN,
        is_advanced=True,
        since_version="0.2.0",
    ).rule(knext.OneOf(network, ENCODERS), knext.Effect.SHOW)


def encoder_file_parameter(network: Any, weights: Any) -> knext.StringParameter:
    """The file that it starts from; shown where the parameters `network` and `weights` say that there is one."""
    return knext.StringParameter(
        "File of weights",
        f"`.safetensors`, or a PyTorch state dict `.pth`, `.pt` or `.bin`. {HOW}",
        "",
        is_advanced=True,
        since_version="0.2.0",
    ).rule(
        knext.And(knext.OneOf(network, ENCODERS), knext.OneOf(weights, [EncoderWeights.FILE.name])),
        knext.Effect.SHOW,
    )


def base_parameter() -> knext.IntParameter:
    """The width of the network."""
    return knext.IntParameter(
        "Width of the network (channels)",
        "Channels of its first level, a multiple of 4 from 4 to 128. Twice as many takes four times as long. For "
        "networks on an image classifier: of the way up only.",
        32,
        min_value=4,
        max_value=128,
        is_advanced=True,
    )


def depth_parameter() -> knext.IntParameter:
    """The depth of the network."""
    return knext.IntParameter(
        "Depth of the network (halvings)",
        "How often the image is halved, 1 to 5 times: one more sees twice as far, for larger objects. U-Net and "
        "Res-U-Net halve it for the stride of the output besides: with a stride of 2 their 3 is a 4 of networks on an "
        "image classifier.",
        3,
        min_value=1,
        max_value=5,
        is_advanced=True,
    )


def validate_network(values: dict[str, Any]) -> None:
    """Raise an InvalidParametersError if the values of these parameters, and the stride `grid`, make no network."""
    if values["grid"] == 3:
        raise knext.InvalidParametersError("The stride of the output is 3. Choose 1, 2 or 4.")
    if values["base"] % 4:
        raise knext.InvalidParametersError(f"The width of the network is {values['base']}. Choose a multiple of 4.")
    lacking = values["network"] in ENCODERS and values["network"] != Network.EFFICIENTNET_LITE0.name
    if values.get("encoder_weights") == EncoderWeights.IMAGENET.name and lacking:
        raise knext.InvalidParametersError(
            "Weights of ImageNet are installed for EfficientNet-Lite0 only. Choose this network, or a file with "
            "the weights of yours."
        )


def check_network(settings: Any) -> None:
    """The same for the settings in force, and that a file of weights is named where one is needed."""
    validate_network({name: getattr(settings, name) for name in ("grid", "base", "network", "encoder_weights")})
    if settings.network in ENCODERS and settings.encoder_weights == EncoderWeights.FILE.name:
        check_path(settings.encoder_file, "file of weights")


def encoder_weights(ctx: Any, settings: Any) -> str:
    """What the encoder starts from, for the library."""
    if settings.network not in ENCODERS or settings.encoder_weights == EncoderWeights.RANDOM.name:
        return ""
    if settings.encoder_weights == EncoderWeights.FILE.name:
        return str(resolve(ctx, settings.encoder_file, "file of weights"))
    return str(settings.encoder_weights).lower()
