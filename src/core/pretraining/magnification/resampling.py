"""Patches at other magnifications, resampled without aliasing.

A resampled row is a weighted mean of rows of the patch, and so with columns. The kernel that weighs them is made wider
by the scale, as it has to be (Turkowski 1990, Filters for common resampling tasks). The weights are matrices: whatever
the device, it can multiply them, and a blur is one more.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Kernel:
    """How neighbours are weighed.

    Parameters
    ----------
    weight : of a distance in pixels of the result.
    variance : of the weights, in squared pixels of the result: how much it blurs.
    """

    weight: Callable[[Tensor], Tensor]
    variance: float


def _box(distance: Tensor) -> Tensor:
    return ((distance >= -0.5) & (distance < 0.5)).float()


def _triangle(distance: Tensor) -> Tensor:
    return (1 - distance.abs()).clamp(min=0)


def _cubic(distance: Tensor) -> Tensor:
    """Keys 1981 (doi 10.1109/TASSP.1981.1163711), with a = -1/2."""
    d = distance.abs()
    near, far = (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2
    return torch.where(d < 1, near, torch.where(d < 2, far, torch.zeros_like(d)))


KERNELS = {"box": Kernel(_box, 1 / 12), "linear": Kernel(_triangle, 1 / 6), "cubic": Kernel(_cubic, 0.0)}


def weights(scale: Tensor, start: Tensor, size: int, length: int, kernel: Kernel) -> Tensor:
    """How much every pixel of a line counts in every pixel of the resampled one, float32, N `size` `length`.

    Parameters
    ----------
    scale : by how much lines are shrunk, N, 1 or more.
    start : where in the line the resampled one begins, N, in pixels, 0 to `length` - `size` x scale.
    size, length : pixels of the resampled line, and of the line.
    """
    scale, start = scale.float()[:, None, None], start.float()[:, None, None]
    centre = start + (torch.arange(size, device=scale.device)[:, None] + 0.5) * scale
    found = kernel.weight((torch.arange(length, device=scale.device) + 0.5 - centre) / scale)
    return found / found.sum(-1, keepdim=True)


def blur(deviation: Tensor, size: int) -> Tensor:
    """How much every pixel of a line counts in every pixel of the blurred one, N `size` `size`.

    Parameters
    ----------
    deviation : standard deviation of a Gaussian, N, in pixels; 0 is none.
    """
    place = torch.arange(size, device=deviation.device)
    squared = ((place[:, None] - place) ** 2).float()
    found = torch.exp(-squared / (2 * deviation.float().clamp(min=1e-2)[:, None, None] ** 2))
    return found / found.sum(-1, keepdim=True)


def applied(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Images N C Y X with rows weighed by N Y' Y, and columns by N X' X: N C Y' X'."""
    return rows[:, None] @ images @ columns[:, None].transpose(-1, -2)
