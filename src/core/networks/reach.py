"""How far a network sees."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Reach:
    """What a layer sees of the image along an axis: its pixel i, from i * stride + first to i * stride + last."""

    stride: int = 1
    first: int = 0
    last: int = 0

    def through(self, kernel: int, stride: int = 1, before: int = 0) -> "Reach":
        """After a convolution or pooling with so many pixels of padding before the image."""
        after = kernel - 1 - before
        return Reach(self.stride * stride, self.first - before * self.stride, self.last + after * self.stride)

    def within(self, stage: nn.Module) -> "Reach":
        """After a stage that keeps the size."""
        return self.through(2 * spread(stage) + 1, before=spread(stage))

    def upsampled(self) -> "Reach":
        """After nearest upsampling by 2."""
        return Reach(self.stride // 2, self.first - self.stride // 2, self.last)

    def joined(self, other: "Reach") -> "Reach":
        """After concatenation with a layer of the same stride."""
        return Reach(self.stride, min(self.first, other.first), max(self.last, other.last))

    @property
    def margin(self) -> int:
        """Pixels of the image on every side of one of the layer's pixels that it sees."""
        return max(-self.first, self.last - self.stride + 1)


def spread(stage: nn.Module) -> int:
    """How many pixels of its input a stage that keeps the size sees on every side: half the kernels, summed up.

    Convolutions beside a shortcut are behind one another; the shortcut's own is 1x1.
    """
    return sum(int(m.kernel_size[0]) // 2 for m in stage.modules() if isinstance(m, nn.Conv2d))
