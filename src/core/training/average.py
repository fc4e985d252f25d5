"""The running average of a training's weights, which judges better than the weights themselves."""

import torch
from torch import nn


def draw_near(averaged: nn.Module, model: nn.Module, decay: float) -> None:
    """Move every weight and statistic of `averaged` towards the model's (Polyak and Juditsky 1992).

    Parameters
    ----------
    decay : share of the difference that is left, 0 to 1.
    """
    with torch.no_grad():
        for mean, value in zip(averaged.state_dict().values(), model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)
