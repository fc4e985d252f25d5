"""Labels that are a binary mask: what happens when a picture of black and white is given as labels."""

import numpy as np
from scipy import ndimage

from core.image import Labels


def mask_doubt(labels: Labels) -> str:
    """A warning where all objects of labels (YX or ZYX, 0 is background) have one number and yet do not hang together.

    Components touch at a side or a corner. Empty where nothing is to be warned of.
    """
    if not labels.any() or not ((labels == 0) | (labels == labels.max())).all():
        return ""
    parts = ndimage.label(labels, np.ones((3,) * labels.ndim))[1]
    if parts == 1:
        return ""
    return (
        f"one label, but {parts} separate components, taken as one object: is this a binary mask? Give every object "
        "its own number."
    )
