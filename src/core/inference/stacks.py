"""Stacks segmented slice by slice, and the objects of neighbouring slices joined to objects in three dimensions."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.errors import UserInputError
from core.image import Image, Labels
from core.inference.predict import Prediction, Predictor
from core.planes import slices
from core.progress import SILENT, Progress


def predict_stack(
    predictor: Predictor,
    image: Image,
    thresholds: Mapping[str, float] | None = None,
    progress: Progress = SILENT,
    *,
    joined: bool = True,
) -> Prediction:
    """Segment a Z-stack slice by slice, all normalised as the whole stack is; a 2-D image is segmented as it is.

    Parameters
    ----------
    image : a stack or a 2-D image, with the model's number of channels.
    thresholds : thresholds instead of the model's own, all or some of them.
    joined : whether objects of neighbouring slices become one, by the rule of the model's head; otherwise every object
        lies in one slice. Numbers are those of the whole stack in either case.

    Returns
    -------
    Labels ZYX of a stack, YX of a 2-D image. The score of an object is the mean of those that it has in its slices.

    Raises
    ------
    UserInputError : as `Predictor.predict`; names the slice, from 1.
    Canceled : the user stopped the work.
    """
    depth = image.size("Z")
    if depth == 1:
        return predictor.predict(image, thresholds, progress)
    labels: Labels = np.empty((depth, image.size("Y"), image.size("X")), np.int32)
    scores: list[NDArray[np.float32]] = []
    count = 0
    for z, (where, plane) in enumerate(slices(image)):
        part = progress.part(z / depth, (z + 1) / depth, f"{where} of {depth}: ")
        try:
            found = predictor.predict(plane, thresholds, part)
        except UserInputError as error:
            raise error.at(where) from None
        np.add(found.labels.array, count, out=labels[z], where=found.labels.array > 0)
        labels[z][found.labels.array == 0] = 0
        count += len(found.scores)
        scores.append(found.scores)
    score = np.concatenate(scores)
    if joined:
        objects = join_slices(labels, predictor.model.head.stacking)
        score = (np.bincount(objects[1:], score) / np.maximum(1, np.bincount(objects[1:])))[1:].astype(np.float32)
    used = predictor.model.thresholds_with(thresholds or {})
    return Prediction(image.with_array(labels, "ZYX", "labels"), score, used)


def join_slices(labels: Labels, share: float) -> NDArray[np.int64]:
    """Give one number to the objects of neighbouring slices that overlap enough, in place.

    Two objects are one if they share at least a pixel, and at least `share` of the smaller one's pixels; so is
    whatever hangs together by such pairs. (Cellpose, Stringer et al. 2021, pairs slices by their IoU instead; that
    loses objects whose size changes quickly from slice to slice.) With a share of 0 these are the faces of voxels: the
    connectivity between slices of connected components in 3-D.

    Parameters
    ----------
    labels : int32, axes ZYX, objects numbered from 1 to N without a gap, every number in one slice only; changed to
        objects numbered from 1 to M, in the order of their first numbers.
    share : 0 to 1.

    Returns
    -------
    The new number of every object, 1 to M: N + 1 entries, the first is 0.
    """
    count = int(labels.max(initial=0))
    area = np.zeros(count + 1, np.int64)
    for plane in labels:
        area += np.bincount(plane.ravel(), minlength=count + 1)
    pairs = [np.empty((2, 0), np.int64)]
    for above, below in pairwise(labels):
        both = (above > 0) & (below > 0)
        keys, shared = np.unique(above[both].astype(np.int64) * (count + 1) + below[both], return_counts=True)
        first, second = np.divmod(keys, count + 1)
        enough = shared >= share * np.minimum(area[first], area[second])
        pairs.append(np.stack([first, second])[:, enough])
    first, second = np.concatenate(pairs, axis=1) - 1
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    group = connected_components(graph, directed=False)[1] if count else np.empty(0, np.int64)
    _, earliest, group = np.unique(group, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(earliest))  # in the order of their first members
    objects = np.append(0, rank[group] + 1) if count else np.zeros(1, np.int64)
    for plane in labels:
        plane[...] = objects[plane]
    return objects.astype(np.int64)
