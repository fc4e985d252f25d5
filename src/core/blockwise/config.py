"""What can be chosen about the segmentation of a large image."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.config import Config, require

MOST_REACH = 1024
"""An object may go so far from its point, in pixels, before it is taken as it is, with a warning."""

VERSIONS = ("0.4", "0.5")
"""Of OME-Zarr, for the labels."""


@dataclass(frozen=True)
class BlockwiseConfig(Config):
    """How a large image is segmented.

    Parameters
    ----------
    level : which resolution of the image, 0 is the full one; -1 chooses the one whose pixels are nearest in size to
        those that the model was trained on, the full one where sizes are unknown.
    tile : side of the tiles that the network sees, without margin, in pixels, 64 to 4096; it changes time and
        memory, not the result.
    reach : how far objects go from their middle, in pixels of the image, up to 1024; 0 takes four times the usual
        diameter of the training objects. Larger objects are found too, at the cost of looking twice.
    skip_background : leave out tiles without any contrast.
    damaged : "fail" or "zero": what to do with parts of the file that cannot be read.
    pages : what the pages of a TIFF mean that does not say it: "C" channels, "Z" slices.
    thresholds : in place of the model's own, all or some of them.
    version : of OME-Zarr, of `VERSIONS`.
    """

    level: int = -1
    tile: int = 704
    reach: int = 0
    skip_background: bool = True
    damaged: str = "fail"
    pages: str = "C"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    version: str = "0.4"

    def __post_init__(self) -> None:
        require(self.level >= -1, "level", self.level, "-1 (automatic) or 0 or more")
        require(64 <= self.tile <= 4096, "tile", self.tile, "64 to 4096 pixels")
        require(0 <= self.reach <= MOST_REACH, "reach", self.reach, f"0 (automatic) to {MOST_REACH} pixels")
        require(self.damaged in ("fail", "zero"), "damaged", self.damaged, "fail or zero")
        require(self.pages in ("C", "Z"), "pages", self.pages, "C or Z")
        require(self.version in VERSIONS, "version", self.version, f"one of {', '.join(VERSIONS)}")
