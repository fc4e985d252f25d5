"""Backbones. A new one is a new file here and a line in `NETWORKS`."""

from core.config import require
from core.networks.attention_unet import AttentionUNet
from core.networks.base import Network, NetworkConfig
from core.networks.efficientnet import EfficientNetLite0
from core.networks.res_unet import ResUNet
from core.networks.resnet import ResNet18, ResNet34, ResNet50
from core.networks.unet import UNet

NETWORKS: dict[str, type[Network]] = {
    "unet": UNet,
    "res_unet": ResUNet,
    "attention_unet": AttentionUNet,
    "resnet18": ResNet18,
    "resnet34": ResNet34,
    "resnet50": ResNet50,
    "efficientnet_lite0": EfficientNetLite0,
}


def make_network(config: NetworkConfig) -> Network:
    """The network that a configuration describes, with random weights.

    Raises
    ------
    UserInputError : no network of that name, or one that cannot be so deep or shallow.
    """
    require(config.name in NETWORKS, "network", config.name, f"one of {', '.join(NETWORKS)}")
    return NETWORKS[config.name](config)


__all__ = ["NETWORKS", "Network", "NetworkConfig", "make_network"]
