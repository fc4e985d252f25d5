"""Backbones. A new one is a new file here and a line in `NETWORKS`."""

from core.config import require
from core.networks.base import Network, NetworkConfig, UShaped
from core.networks.res_unet import ResUNet
from core.networks.unet import UNet

NETWORKS: dict[str, type[UShaped]] = {"unet": UNet, "res_unet": ResUNet}


def make_network(config: NetworkConfig) -> Network:
    """The network that a configuration describes, with random weights.

    Raises
    ------
    UserInputError : no network of that name.
    """
    require(config.name in NETWORKS, "network", config.name, f"one of {', '.join(NETWORKS)}")
    return NETWORKS[config.name](config)


__all__ = ["NETWORKS", "Network", "NetworkConfig", "make_network"]
