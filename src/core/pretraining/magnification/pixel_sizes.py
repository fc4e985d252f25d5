"""Images of several pixel sizes, brought to one scale."""

from collections.abc import Sequence
from dataclasses import replace

from core.errors import UserInputError
from core.pretraining.magnification.config import MagnificationConfig, side
from core.training.data import Target
from core.training.target import SAME_SIZE

SATURATED = 0.2
"""From this share of pixels at the highest value on, there is a warning."""


def of_one_scale(
    domains: Sequence[Sequence[Target]], config: MagnificationConfig, patch_size: int, depth: int
) -> tuple[list[list[Target]], list[str]]:
    """Images that patches of every scale fit into; those of coarser pixels are enlarged while patches are cut.

    So a patch at scale s has s times the finest image's pixel size, whichever image it is from, and an image that was
    taken at half the magnification is at scale 2 as it is. Without any pixel size all are taken as of one.

    Parameters
    ----------
    patch_size : side of the patches that the network is to see, in pixels, before it is rounded up for a network of
        this depth.

    Raises
    ------
    UserInputError : some images have no pixel size, pixels are coarser than the largest scale reaches, or no image of a
        domain is large enough.
    """
    planes = [plane for domain in domains for plane in domain]
    known = [plane for plane in planes if _size(plane)]
    warnings = [text for plane in planes for text in _saturated(plane)]
    if not known:
        warnings.append("No image has a pixel size: all are taken as of the same magnification.")
    for plane in planes:
        if known and not _size(plane):
            raise UserInputError(
                f"The image has no pixel size, but {known[0].name} has ({_size(known[0]):.4g} µm). Magnifications "
                "cannot be compared.",
                where=plane.name,
                todo="Enter the pixel size when reading the image, or leave the image out.",
            )
    finest = min(known, key=_size) if known else None
    found = []
    for domain in domains:
        zoomed = [_zoomed(plane, finest, config) for plane in domain]
        fitting = [plane for plane in zoomed if _shortest(plane) >= config.field(side(patch_size, depth))]
        if not fitting:
            raise _too_small(max(zoomed, key=_shortest), config, patch_size, depth)
        left_out = [plane.name for plane in zoomed if plane not in fitting]
        warnings += [f"{name}: the image is too small for 1/{config.largest:g}; it is left out." for name in left_out]
        found.append(fitting)
    return found, warnings


def _zoomed(plane: Target, finest: Target | None, config: MagnificationConfig) -> Target:
    """The image with what its patches are to be enlarged by."""
    if finest is None:
        return plane
    ratio = _size(plane) / _size(finest)
    if ratio > config.largest * (1 + SAME_SIZE):
        raise UserInputError(
            f"The image's pixels ({_size(plane):.4g} µm) are {ratio:.3g} times as large as those of {finest.name} "
            f"({_size(finest):.4g} µm); magnifications down to 1/{config.largest:g} are learned.",
            where=plane.name,
            todo="Learn smaller magnifications, too, leave the image out, or correct the pixel size.",
        )
    return plane if ratio <= 1 + SAME_SIZE else replace(plane, zoom=ratio)


def _size(plane: Target) -> float:
    return plane.image.pixel_size.get("X", 0.0)


def _shortest(plane: Target) -> float:
    """Height or width, whichever is less, in pixels as large as those of the finest image."""
    return min(plane.image.size("Y"), plane.image.size("X")) * plane.zoom


def _too_small(largest: Target, config: MagnificationConfig, patch_size: int, depth: int) -> UserInputError:
    have, size = int(_shortest(largest)), side(patch_size, depth)
    step = side(1, depth)
    smaller = int(have / config.largest) // step * step
    choices = [f"a patch size of {smaller} pixels or less"] * (smaller >= max(32, step))
    choices += [f"magnifications no smaller than 1/{have / size:.2g}"] * (have >= 1.1 * size)
    return UserInputError(
        f"At 1/{config.largest:g} of the magnification a patch of {size} pixels is made of {config.field(size)}, but "
        f"the largest image has {have} along its shorter side.",
        where=largest.name,
        todo=f"Choose {' or '.join(choices)}." if choices else "Give larger images.",
    )


def _saturated(plane: Target) -> list[str]:
    """A warning where much of an image is as bright as can be: what is there cannot be seen."""
    pixels = plane.image.array
    share = float((pixels == pixels.max()).mean())
    if share < SATURATED or pixels.dtype == bool:
        return []
    return [f"{plane.name}: {share:.0%} of the pixels have the highest value; nothing can be seen in them."]
