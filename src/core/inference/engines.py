"""Running a network: PyTorch on any device, or ONNX Runtime, which is faster on CPUs."""

import io
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.config import require
from core.errors import UserInputError
from core.inference.tiling import Tile
from core.model import SegmentationModel
from core.networks import Network

ENGINES = ("auto", "torch", "onnx")

Pixels = NDArray[np.float32]

Inner = tuple[int, int, int, int]
"""Top, left, bottom, right: 1 where the image goes on beyond the margin of a tile, 0 where it ends."""

WHOLE: Inner = (0, 0, 0, 0)

Engine = Callable[[Pixels, Inner], Pixels]
"""The activated prediction K Y/grid X/grid of normalised pixels C Y X, both float32; of a tile, see `Network`."""


class _Activated(nn.Module):
    """Images to probabilities and distances."""

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor, inner: torch.Tensor | None = None) -> torch.Tensor:
        activated: torch.Tensor = self.model.head.activate(self.model(images, inner))
        return activated


def make_engine(model: SegmentationModel, engine: str, device: str, threads: int = 0) -> Engine:
    """What runs the model.

    Parameters
    ----------
    engine : one of `ENGINES`; "auto" takes ONNX Runtime for CPUs where it is installed.
    device : "cpu", "cuda" or "mps".
    threads : for every call, of ONNX Runtime; 0 takes as many as PyTorch.

    Raises
    ------
    UserInputError : the engine is not installed, or not for this device.
    """
    require(engine in ENGINES, "engine", engine, f"one of {', '.join(ENGINES)}")
    installed = find_spec("onnxruntime") is not None and find_spec("onnx") is not None
    if engine == "onnx":
        require(installed, "engine", engine, "torch or auto: the packages onnx and onnxruntime are not installed")
        require(device == "cpu", "engine", engine, f"torch or auto on the device {device}")
    module = _Activated(_folded(model))
    if engine == "onnx" or (engine == "auto" and device == "cpu" and installed):
        return OnnxEngine(module, model.config.network.in_channels, model.network.multiple, threads)
    return TorchEngine(module, device)


def has_group_norm(model: nn.Module) -> bool:
    """Whether a model's result depends on statistics of all that it is given."""
    return any(isinstance(m, nn.GroupNorm) for m in model.modules())


def with_statistics(model: SegmentationModel, sample: Pixels) -> SegmentationModel:
    """A model that holds the statistics of an image, so that parts of it come out as they do within the whole.

    Group normalisation (Wu and He 2018) sums over all that it is given. With the sums held it is a batch
    normalisation, which inference folds into the convolutions.

    Parameters
    ----------
    sample : the whole image, or what stands for it: normalised pixels C Y X, Y and X multiples of the network's.
    """
    if not has_group_norm(model):
        return model
    state, hooks = dict(model.state_dict()), []
    for name, norm in model.named_modules():
        if isinstance(norm, nn.GroupNorm):

            def hold(norm: Any, inputs: tuple[torch.Tensor, ...], name: str = name) -> None:
                groups = inputs[0].reshape(norm.num_groups, -1)
                each = inputs[0].shape[1] // groups.shape[0]
                state[f"{name}.running_mean"] = groups.mean(dim=1).repeat_interleave(each)
                state[f"{name}.running_var"] = groups.var(dim=1, correction=0).repeat_interleave(each)
                state[f"{name}.num_batches_tracked"] = torch.tensor(1)

            hooks.append(norm.register_forward_pre_hook(hold))
    device = next(model.parameters()).device
    with torch.inference_mode():
        model.eval()(torch.from_numpy(sample)[None].to(device))
    for hook in hooks:
        hook.remove()
    config = model.config
    twin = SegmentationModel(replace(config, network=replace(config.network, norm="batch")))
    twin.load_state_dict({key: value.clone() for key, value in state.items()})
    return twin.eval()


def _folded(model: SegmentationModel) -> SegmentationModel:
    """A copy for inference, in which batch normalisation is part of the convolutions."""
    twin = model.copy().eval()
    for block in [m for m in twin.modules() if isinstance(m, nn.Sequential)]:
        for (first, conv), (second, norm) in pairwise(list(block.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(block, first, fuse_conv_bn_eval(conv, norm))
                setattr(block, second, nn.Identity())
    return twin


def core_maps(run: Engine, network: Network, crop: Pixels, tile: Tile) -> Pixels:
    """The activated prediction of a tile's core, K Y/grid X/grid, exactly as it is within the whole image.

    Parameters
    ----------
    crop : the pixels of the tile's crop, C Y X.
    tile : of `tiles` with the margin `network.tile_margin`.
    """
    margin, grid = network.tile_margin, network.config.grid
    before = [core.start - crop.start for core, crop in zip(tile.core, tile.crop, strict=True)]
    after = [crop.stop - core.stop for core, crop in zip(tile.core, tile.crop, strict=True)]
    top, left, bottom, right = (int(length == margin) for length in (*before, *after))
    maps = run(crop, (top, left, bottom, right))
    window = []
    for inner, place in zip((top, left), tile.inner(grid), strict=True):
        start = network.HEAD_REACH if inner else place.start
        window.append(slice(start, start + place.stop - place.start))
    return maps[(slice(None), *window)]


class TorchEngine:
    """PyTorch, with the channels last in memory: a third faster than the usual order on CPUs."""

    def __init__(self, module: nn.Module, device: str) -> None:
        self._module = module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device

    def __call__(self, pixels: Pixels, inner: Inner = WHOLE) -> Pixels:
        """See `Engine`."""
        try:
            with torch.inference_mode():
                images = torch.from_numpy(pixels)[None].to(self._device).contiguous(memory_format=torch.channels_last)
                sides = torch.tensor(inner) if any(inner) else None
                output: Pixels = self._module(images, sides)[0].float().cpu().contiguous().numpy()
        except torch.OutOfMemoryError as error:
            height, width = pixels.shape[1:]
            raise UserInputError(
                f"The memory of the device {self._device} is too small for {height} x {width} pixels.",
                todo="Close other programs that use it, or choose the device cpu.",
            ) from error
        return output


class OnnxEngine:
    """ONNX Runtime on the CPU."""

    def __init__(self, module: nn.Module, channels: int, side: int, threads: int = 0) -> None:
        onnxruntime = _onnxruntime()
        graph = io.BytesIO()
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # the exporter that needs no further package calls itself legacy
            torch.onnx.export(
                module,
                (torch.zeros(1, channels, side, side), torch.tensor(WHOLE)),
                graph,  # type: ignore[arg-type]
                dynamo=False,
                input_names=["images", "inner"],
                output_names=["prediction"],
                dynamic_axes={"images": {2: "y", 3: "x"}, "prediction": {2: "y", 3: "x"}},
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        # threads that wait leave their cores to others
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_mem_pattern = False  # an eighth more memory, and no faster, where images differ in size
        self._session = onnxruntime.InferenceSession(graph.getvalue(), options, providers=["CPUExecutionProvider"])

    def __call__(self, pixels: Pixels, inner: Inner = WHOLE) -> Pixels:
        """See `Engine`."""
        inputs = {"images": pixels[None], "inner": np.array(inner, np.int64)}
        output: Pixels = self._session.run(None, inputs)[0][0]
        return output


def _onnxruntime() -> Any:
    """ONNX Runtime without its telemetry: from 1.29 on its builds tell Microsoft of models and machines, unasked."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, when it is loaded
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # of builds that do not know the variable
    return onnxruntime
