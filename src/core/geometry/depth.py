"""How deep in its object a pixel lies: a landscape with one peak per object and a valley between any two."""

import numpy as np
from numpy.typing import NDArray

from core.geometry.boundary import boundary_distances
from core.geometry.compiled import compiled
from core.geometry.rims import contacts
from core.geometry.star_distances import relative
from core.image import Labels
from core.measurement.pieces import pieces


def object_depth(labels: Labels) -> NDArray[np.float32]:
    """The distance to the border that is kept on the way to the object's middle, divided by the object's largest one.

    In a convex object that is the pixel's own distance to the border, as in the watershed energy of Bai and Urtasun
    (Deep watershed transform for instance segmentation, CVPR 2017) and the distance maps of Naylor et al. (Segmentation
    of nuclei in histopathology images by deep regression of the distance map, IEEE Transactions on Medical Imaging
    38:448, 2019), here as a share of the object's largest. Behind a narrow place it is no larger than there, so that an
    object of any shape has one peak: a reconstruction of the distances from their largest (Vincent 1993). Pieces of an
    object that do not touch have a peak each, as high as they are wide.

    Parameters
    ----------
    labels : int32, axes YX.

    Returns
    -------
    float32, axes YX: 0 in the background and where objects touch, which keeps them apart, to 1 in their middle. An
    object that does nothing but touch others keeps its pixels. Touching pixels of two such objects are one peak.
    """
    apart = np.ascontiguousarray(_held_apart(labels), np.int32)
    distance = relative(apart, boundary_distances(apart))
    depth, piece = np.zeros_like(distance), pieces(labels)
    within = np.flatnonzero(distance)
    falling = within[np.argsort(-distance.ravel()[within], kind="stable")]
    peaks = falling[np.unique(piece.ravel()[falling], return_index=True)[1]]
    depth.ravel()[peaks] = distance.ravel()[peaks]
    _climb(apart, distance, depth)
    return depth


def _held_apart(labels: Labels) -> Labels:
    """The objects without the pixels that touch other objects, unless nothing would be left."""
    touching = contacts(labels)
    apart = np.where(touching, 0, labels)
    lost = np.setdiff1d(labels[touching], apart)
    return np.where(np.isin(labels, lost), labels, apart) if lost.size else apart


@compiled
def _climb(labels: NDArray[np.int32], distance: NDArray[np.float32], depth: NDArray[np.float32]) -> None:
    """Let depths rise to the distances as far as a neighbour in the same object allows, until nothing changes."""
    height, width = labels.shape
    rising = True
    while rising:
        rising = False
        for sweep in range(2):
            for number in range(height * width):
                y, x = divmod(number if sweep == 0 else height * width - 1 - number, width)
                if depth[y, x] >= distance[y, x]:
                    continue
                best = np.float32(0)
                for row in range(max(y - 1, 0), min(y + 2, height)):
                    for column in range(max(x - 1, 0), min(x + 2, width)):
                        if labels[row, column] == labels[y, x]:
                            best = max(best, depth[row, column])
                best = min(best, distance[y, x])
                if best > depth[y, x]:
                    depth[y, x] = best
                    rising = True
