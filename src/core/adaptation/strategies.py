"""Ways of bringing a model to images of another microscope. A new one is a line in `STRATEGIES`."""

from collections.abc import Callable
from dataclasses import dataclass

from core.adaptation.alignment import Alignment
from core.adaptation.config import AdaptationConfig
from core.adaptation.mean_teacher import MeanTeacher
from core.adaptation.reconstruction import Reconstruction
from core.model import SegmentationModel
from core.training.objective import Objective

MakeObjective = Callable[[SegmentationModel, AdaptationConfig], Objective]


@dataclass(frozen=True)
class Strategy:
    """What is done besides learning from the labelled images; the epoch is chosen by the target images in any case.

    Parameters
    ----------
    title : its name for people, in progress and warnings.
    varied : patches are varied as `AdaptationConfig.variation` says, and not as in a usual training.
    style : the labelled images are learned from twice, as they are and in the style of the target images, see
        `core.adaptation.style`; empty for none.
    pretext : the network first learns a task of `core.pretraining` on all images; empty for none.
    network : the network in place of the one that is set; empty for that.
    objective : what is minimised, if not the loss of the labelled images.
    three_steps : first reconstruction with a little segmentation, then reconstruction alone, then segmentation with the
        way down frozen up to its deepest stage, as in Franco-Barranco et al. 2022 (but without histogram matching);
        needs a `Reconstruction`.
    """

    title: str
    varied: bool = True
    style: str = ""
    pretext: str = ""
    network: str = ""
    objective: MakeObjective | None = None
    three_steps: bool = False


def _reconstruction(model: SegmentationModel, config: AdaptationConfig) -> Objective:
    return Reconstruction(model.network, 1.0, config.reconstruction)


def _alignment(model: SegmentationModel, config: AdaptationConfig) -> Objective:
    return Alignment(model, config.adversarial)


def _mean_teacher(model: SegmentationModel, config: AdaptationConfig) -> Objective:
    return MeanTeacher(config.agreement)


STRATEGIES = {
    "none": Strategy("No adaptation", varied=False),
    "variation": Strategy("Stronger variation"),
    "histogram": Strategy("Histogram matching", style="histogram"),
    "fourier": Strategy("Fourier style", style="fourier"),
    "restoration": Strategy("Self-supervised pretraining", pretext="restoration"),
    "y_net": Strategy("Y-Net", objective=_reconstruction),
    "attention_y_net": Strategy(
        "Attention Y-Net", network="attention_unet", objective=_reconstruction, three_steps=True
    ),
    "adversarial": Strategy("Adversarial alignment", objective=_alignment),
    "mean_teacher": Strategy("Mean teacher", objective=_mean_teacher),
}

AUTO = ("none", "variation", "histogram", "fourier", "mean_teacher")
"""What "auto" tries out: the training without adaptation, and what takes about as long."""
