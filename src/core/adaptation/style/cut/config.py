"""Settings of a training."""

import math
from dataclasses import dataclass, field
from typing import Any

from core.adaptation.style.cut.generator import STRIDE, GeneratorConfig
from core.config import Config, require
from core.devices import DEVICES


@dataclass(frozen=True)
class CutConfig(Config):
    """How a style is learned. The defaults are a size that a processor finishes in minutes.

    Parameters
    ----------
    generator : the network; its number of channels is that of the images.
    steps : number of training steps, 1 to 10,000,000.
    patch_size : side of the square patches in pixels, 32 to 1024, a multiple of 4.
    batch_size : patches of either kind in a step, 1 to 64.
    learning_rate : of Adam, above 0 to 1; after half of the steps it falls linearly to 0.
    places : per stage of the encoder, the number of places that are told apart, 2 to 4096.
    embedding : length of the vectors by which they are, 4 to 1024.
    temperature : of the contrastive loss, 0.01 to 1.
    contrast : weight of the contrastive loss, beside 1 of the adversarial one; 0 to 100. Published is 1, which holds a
        residual generator where it starts: at an image that is not changed.
    identity : whether images of the style have to come out as they are.
    average : how slowly the running average of the weights, which is the model, follows them, 0 to 0.9999.
    limit_minutes : a training that would take longer is refused at its beginning; above 0.
    seed : on a CPU the same seed, images and number of threads give the same model, on a GPU nearly the same.
    device : one of `core.devices.DEVICES`.
    """

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    steps: int = 2000
    patch_size: int = 96
    batch_size: int = 1
    learning_rate: float = 5e-4
    places: int = 128
    embedding: int = 64
    temperature: float = 0.07
    contrast: float = 0.2
    identity: bool = True
    average: float = 0.995
    limit_minutes: float = 60.0
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        bounds: tuple[tuple[str, float, float], ...] = (
            ("steps", 1, 10_000_000),
            ("patch_size", 32, 1024),
            ("batch_size", 1, 64),
            ("places", 2, 4096),
            ("embedding", 4, 1024),
            ("temperature", 0.01, 1),
            ("contrast", 0, 100),
            ("average", 0, 0.9999),
            ("seed", 0, 2**31 - 1),
        )
        for name, low, high in bounds:
            require(low <= getattr(self, name) <= high, name, getattr(self, name), f"{low:,} to {high:,}")
        require(0 < self.learning_rate <= 1, "learning_rate", self.learning_rate, "above 0 and at most 1")
        require(0 < self.limit_minutes < math.inf, "limit_minutes", self.limit_minutes, "above 0")
        require(self.patch_size % STRIDE == 0, "patch_size", self.patch_size, f"a multiple of {STRIDE}")
        require(self.device in DEVICES, "device", self.device, f"one of {', '.join(DEVICES)}")

    @classmethod
    def published(cls, **changes: Any) -> "CutConfig":
        """The size of the publication, for a graphics card: ResNet-9 of 64 features, patches of 256 pixels."""
        size = {
            "generator": GeneratorConfig(width=64, blocks=9, residual=False),
            "patch_size": 256,
            "places": 256,
            "embedding": 256,
            "learning_rate": 2e-4,
            "contrast": 1.0,
            "average": 0.999,
        }
        return cls(**{**size, **changes})
