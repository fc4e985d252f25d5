"""Running a network: PyTorch on any device, or ONNX Runtime, which is faster on CPUs."""

import io
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.config import require
from core.model import SegmentationModel

ENGINES = ("auto", "torch", "onnx")

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Normalised pixels C Y X to the activated prediction K Y/grid X/grid, both float32."""


class _Activated(nn.Module):
    """Images to probabilities and distances."""

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model.head.activate(self.model(images))


def make_engine(model: SegmentationModel, engine: str, device: str) -> Run:
    """A function that runs the model.

    Parameters
    ----------
    engine : one of `ENGINES`; "auto" takes ONNX Runtime for CPUs where it is installed.
    device : "cpu", "cuda" or "mps".

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
        return _onnx(module, model.config.network.in_channels, model.network.multiple)
    return _torch(module, device)


def _folded(model: SegmentationModel) -> SegmentationModel:
    """A copy for inference, in which batch normalisation is part of the convolutions."""
    twin = model.copy().eval()
    for block in [m for m in twin.modules() if isinstance(m, nn.Sequential)]:
        children = list(block.named_children())
        for (first, conv), (second, norm) in pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(block, first, fuse_conv_bn_eval(conv, norm))
                setattr(block, second, nn.Identity())
    return twin


def _torch(module: nn.Module, device: str) -> Run:
    module = module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            images = torch.from_numpy(pixels)[None].to(device).contiguous(memory_format=torch.channels_last)
            output: NDArray[np.float32] = module(images)[0].float().cpu().contiguous().numpy()
        return output

    return run


def _onnx(module: nn.Module, channels: int, side: int) -> Run:
    import onnxruntime

    graph = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the exporter that needs no further package calls itself legacy
        torch.onnx.export(
            module,
            (torch.zeros(1, channels, side, side),),
            graph,  # type: ignore[arg-type]
            dynamo=False,
            input_names=["images"],
            output_names=["prediction"],
            dynamic_axes={"images": {2: "y", 3: "x"}, "prediction": {2: "y", 3: "x"}},
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(graph.getvalue(), options, providers=["CPUExecutionProvider"])

    def run(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        output: NDArray[np.float32] = session.run(None, {"images": pixels[None]})[0][0]
        return output

    return run
