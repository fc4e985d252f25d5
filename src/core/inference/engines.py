"""Running a network: PyTorch on any device, or ONNX Runtime, which is faster on CPUs."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.config import require
from core.errors import UserInputError
from core.model import SegmentationModel
from core.networks.base import has_group_norm, hold_statistics

ENGINES = ("auto", "torch", "onnx")

Pixels = NDArray[np.float32]


class Engine(Protocol):
    """Runs a model."""

    def __call__(self, pixels: Pixels) -> Pixels:
        """The activated prediction K Y/grid X/grid of normalised pixels C Y X, both float32."""

    def for_tiles(self, sample: Pixels) -> AbstractContextManager[Callable[[Pixels], Pixels]]:
        """Within the context, what runs tiles so that they come out as parts of the whole image.

        Parameters
        ----------
        sample : what group normalisation takes its statistics from: the whole image, or a sample of it.
        """


class _Activated(nn.Module):
    """Images to probabilities and distances."""

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        activated: torch.Tensor = self.model.head.activate(self.model(images))
        return activated


def make_engine(model: SegmentationModel, engine: str, device: str) -> Engine:
    """What runs the model.

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
        return OnnxEngine(module, model.config.network.in_channels, model.network.multiple)
    return TorchEngine(module, device)


def _folded(model: SegmentationModel) -> SegmentationModel:
    """A copy for inference, in which batch normalisation is part of the convolutions."""
    twin = model.copy().eval()
    for block in [m for m in twin.modules() if isinstance(m, nn.Sequential)]:
        for (first, conv), (second, norm) in pairwise(list(block.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(block, first, fuse_conv_bn_eval(conv, norm))
                setattr(block, second, nn.Identity())
    return twin


class TorchEngine:
    """PyTorch, with the channels last in memory: a third faster than the usual order on CPUs."""

    def __init__(self, module: nn.Module, device: str) -> None:
        self._module = module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device

    def __call__(self, pixels: Pixels) -> Pixels:
        """The activated prediction K Y/grid X/grid of normalised pixels C Y X, both float32."""
        try:
            with torch.inference_mode():
                images = torch.from_numpy(pixels)[None].to(self._device).contiguous(memory_format=torch.channels_last)
                output: Pixels = self._module(images)[0].float().cpu().contiguous().numpy()
        except torch.OutOfMemoryError as error:
            height, width = pixels.shape[1:]
            raise UserInputError(
                f"The memory of the device {self._device} is too small for {height} x {width} pixels.",
                todo="Close other programs that use it, or choose the device cpu.",
            ) from error
        return output

    @contextmanager
    def for_tiles(self, sample: Pixels) -> Iterator[Callable[[Pixels], Pixels]]:
        """Within the context, what runs tiles so that they come out as parts of the whole image."""
        if not has_group_norm(self._module):
            yield self
            return
        with hold_statistics(self._module):
            self(sample)
            yield self


class OnnxEngine:
    """ONNX Runtime on the CPU."""

    def __init__(self, module: nn.Module, channels: int, side: int) -> None:
        import onnxruntime

        self._module = module
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
        options.enable_mem_pattern = False  # an eighth more memory, and no faster, where images differ in size
        self._session = onnxruntime.InferenceSession(graph.getvalue(), options, providers=["CPUExecutionProvider"])

    def __call__(self, pixels: Pixels) -> Pixels:
        """The activated prediction K Y/grid X/grid of normalised pixels C Y X, both float32."""
        output: Pixels = self._session.run(None, {"images": pixels[None]})[0][0]
        return output

    @contextmanager
    def for_tiles(self, sample: Pixels) -> Iterator[Callable[[Pixels], Pixels]]:
        """Within the context, what runs tiles; PyTorch where statistics must be held, which the graph cannot do."""
        if not has_group_norm(self._module):
            yield self
            return
        with TorchEngine(self._module, "cpu").for_tiles(sample) as run:
            yield run
