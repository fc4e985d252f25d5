"""What an adaptation is told."""

from dataclasses import dataclass, field

from core.config import Config, require
from core.training.augmentation import STRONG_AUGMENTATION, AugmentationConfig
from core.training.config import TrainingConfig


@dataclass(frozen=True)
class AdaptationConfig(Config):
    """How a model is adapted to images without labels.

    Parameters
    ----------
    strategy : a name of `core.adaptation.strategies.STRATEGIES`, or "auto".
    training : as without adaptation; its `selection` chooses the epoch, and under "auto" the strategy.
    variation : how patches are varied where a strategy has them varied more than usual.
    reconstruction : weight of the reconstruction's mean squared error, 0 to 100; of the Y-Net, not of the Attention
        Y-Net, which goes by the published weights.
    adversarial : how strongly the network is to deceive the discriminators, 0 to 10.
    agreement : weight of the agreement with the mean teacher, 0 to 100.
    compare : whether the training without adaptation is run as well, to tell what a strategy was good for; "auto" has
        it anyway.
    """

    strategy: str = "auto"
    training: TrainingConfig = field(default_factory=TrainingConfig)
    variation: AugmentationConfig = STRONG_AUGMENTATION
    reconstruction: float = 1.0
    adversarial: float = 0.001
    agreement: float = 0.5
    compare: bool = True

    def __post_init__(self) -> None:
        for name, high in (("reconstruction", 100), ("adversarial", 10), ("agreement", 100)):
            require(0 <= getattr(self, name) <= high, name, getattr(self, name), f"0 to {high}")
