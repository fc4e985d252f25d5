"""How every node is run quickly, and what becomes of its rows: the recipes of `test_every_node`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from tests.nodes.samples import TINY, disks

from core.image import Image

ROWS = 4
IDS = ["a 1", "b/2", "Übung", "Row3"]
FILES = {one: f"field {i}.tif" for i, one in enumerate(IDS)}
"""The image of every row, as a file."""
SIDE = 48
"""Pixels of the side of an image."""

Rows = int | str
"""A number of rows, or the message that the node refuses with."""


@dataclass(frozen=True)
class World:
    """What nodes are fed with.

    Parameters
    ----------
    model : of a Segmentation Learner.
    files : folder with `images`, `labels` and `model.microseg`.
    """

    model: Any
    files: Path


@dataclass(frozen=True)
class Recipe:
    """How a node is run, and what comes of it.

    Parameters
    ----------
    settings : that it needs, given an empty folder to write into.
    inputs : per port a model or an Arrow table, for a group a list of them.
    port : the input whose table is varied, of a group its first one; None: the node has none.
    output : the output table whose rows are counted, None: there is none.
    rows : of this table, from the four rows of the input.
    ids : its row IDs, from those of the input; None: they are its own.
    alone : rows where nothing is connected that need not be.
    empty, single : rows from a table without rows, and with one.
    missing : rows where the first cell is missing in these columns; in all others that changes nothing.
    all_missing : rows where no column has a value.
    large : settings and inputs with a cell of more than 64 MiB, and the rows that come of it.
    """

    settings: Callable[[World, Path], dict[str, Any]] = lambda world, folder: {}
    inputs: Callable[[World], list[Any]] = lambda world: []
    port: int | None = None
    output: int | None = 0
    rows: int = ROWS
    ids: Callable[[list[str]], list[str]] | None = None
    alone: Rows | None = None
    empty: Rows = 0
    single: Rows = 1
    missing: Mapping[str, Rows] = field(default_factory=dict)
    all_missing: Rows = ROWS
    large: Callable[[World, Path], tuple[dict[str, Any], list[Any]]] | None = None


def image_table(world: World, pixel_size: Mapping[str, float] | None = None) -> Any:
    """Four images with labels, predicted ones, of this pixel size, and plain columns."""
    import knime.extension as knext

    from core.visual import png_bytes, to_display
    from nodes.cells import new_table
    from nodes.columns import png_type, tensor_type

    pairs = [disks(SIDE, seed=i) for i in range(len(IDS))]
    images, labels = [image for image, _ in pairs], [truth for _, truth in pairs]
    moved = [replace(one, array=np.roll(one.array, 1, 0), pixel_size=pixel_size or {}) for one in labels]
    paths = [str(path) for path in sorted((world.files / "images").iterdir())]
    columns: dict[str, tuple[Any, list[Any]]] = {
        "Picture": (png_type(), [png_bytes(to_display(image)) for image in images]),
        "Image": (tensor_type(), images),
        "Labels": (tensor_type(), labels),
        "Predicted labels": (tensor_type(), moved),
        "Name": (knext.string(), ["x", "x", "day 1/µ", "nul"]),
        "Path": (knext.string(), paths),
        "Count": (knext.int32(), [1, 2, 3, 4]),
        "Number": (knext.int64(), [2**40, 2, 3, 4]),
        "Share": (knext.double(), [0.5, float("inf"), -1e300, 4.0]),
    }
    typed = [knext.Column(kind, name) for name, (kind, _) in columns.items()]
    return new_table(typed, IDS, [values for _, values in columns.values()])


def example_table(world: World) -> Any:
    """Four images with labels."""
    return image_table(world).select(["<RowID>", "Name", "Image", "Labels"])


def tile_table(world: World) -> Any:
    """Four label images that are each one tile."""
    images = image_table(world).select(["<RowID>", "Predicted labels", "Path"])
    return placed(images, SIDE)


def placed(table: Any, side: int) -> Any:
    """A table of square images as a table of tiles: every image is one."""
    import pyarrow as pa

    sizes = {"Y": 0, "X": 0, "Height": side, "Width": side, "Image height": side, "Image width": side}
    table = table.append_column("Image ID", table.column(0))
    for name, value in sizes.items():
        table = table.append_column(name, pa.array([value] * table.num_rows, pa.int32()))
    return table


def large_row(dtype: Any, side: int, pixel_size: Mapping[str, float] | None = None) -> Any:
    """One image of disks as image and as labels, more than 64 MiB of `dtype`."""
    import knime.extension as knext

    from nodes.cells import new_table
    from nodes.columns import tensor_type

    small = disks(side // 20, radius=side // 200)
    array = np.tile(small[1].array, (20, 20)).astype(dtype)
    assert array.nbytes > 64 << 20
    labels = array.dtype == np.int32
    names = ("Predicted labels", "Labels") if labels else ("Image",)
    columns = [knext.Column(tensor_type(), name) for name in names]
    image = Image(array, "YX", pixel_size or {}, kind="labels" if labels else "intensity")
    return new_table(columns, ["large"], [[image]] * len(columns))


def large_file(folder: Path) -> dict[str, Any]:
    """A folder of one image of more than 64 MiB."""
    (folder / "images").mkdir()
    tifffile.imwrite(folder / "images" / "large.tif", np.zeros((5900, 5900), np.uint16))
    return {"folder": str(folder), "previews": False}


NO_EXAMPLES = "has no row with an image"
NO_IMAGES = "The table has no row with an image in column"
NO_SOURCE = "Source images: There is no image"
NO_PATH = "Row 'a 1', column 'Path': The path is missing"
NO_PLACE = "Row 'a 1', column '.*': The place of the tile is missing"
CPU = {"device": "CPU"}
MICROMETRE = {"Y": 1.0, "X": 1.0}
EXAMPLES = Recipe(port=0, output=1, rows=1, empty=NO_EXAMPLES, all_missing=NO_EXAMPLES)

RECIPES = {
    "MicroscopyImageReader": Recipe(
        lambda world, folder: {"folder": str(world.files)}, large=lambda world, folder: (large_file(folder), [])
    ),
    "NucleiSimulator": Recipe(lambda world, folder: {"images": 2, "width": 64, "height": 64}, rows=2),
    "SegmentationLearner": replace(
        EXAMPLES,
        settings=lambda world, folder: TINY,
        inputs=lambda world: [*[example_table(world)] * 2, world.model, image_table(world)],
    ),
    "DomainAdaptationLearner": replace(
        EXAMPLES,
        settings=lambda world, folder: {
            "strategy": "NONE",
            "model": {"base": 4, "depth": 1, "head": "STARDIST"},
            "training": TINY["training"],
        },
        inputs=lambda world: [example_table(world), image_table(world), None],
    ),
    "SelfSupervisedPretrainer": replace(
        EXAMPLES,
        settings=lambda world, folder: {"network": {"base": 4, "depth": 1}, "training": TINY["training"]},
        inputs=lambda world: [[example_table(world), image_table(world)]],
    ),
    "SegmentationRetrainer": replace(
        EXAMPLES,
        settings=lambda world, folder: {"training": TINY["training"]},
        inputs=lambda world: [world.model, *[example_table(world)] * 4],
        port=1,
    ),
    "PretrainingAdvisor": replace(
        EXAMPLES,
        settings=lambda world, folder: {"pretrained": False, "folder": str(world.files), **CPU},
        inputs=lambda world: [example_table(world), world.model],
        rows=2,
        alone=1,
        single=2,
    ),
    "SegmentationPredictor": Recipe(
        lambda world, folder: {"computing": CPU},
        lambda world: [world.model, image_table(world)],
        port=1,
        ids=list,
        large=lambda world, folder: (
            {"computing": CPU, "previews": False, "shown": 0},
            [world.model, large_row(np.float64, 2900)],
        ),
    ),
    "LargeImagePredictor": Recipe(
        lambda world, folder: {"output": str(folder), "file": image_files(world)[0], "computing": {"tile": 256, **CPU}},
        lambda world: [world.model, image_table(world)],
        port=1,
        ids=lambda ids: [Path(FILES[one]).stem for one in ids],
        alone=1,
        missing={"Path": NO_PATH},
        all_missing=NO_PATH,
    ),
    "InstanceCounter": Recipe(
        inputs=lambda world: [image_table(world)],
        port=0,
        ids=list,
        large=lambda world, folder: ({}, [large_row(np.int32, 4100)]),
    ),
    "FragmentGrouper": Recipe(
        lambda world, folder: {"connection": {"criterion": "WAY"}},
        lambda world: [image_table(world, MICROMETRE)],
        port=0,
        ids=list,
        large=lambda world, folder: (
            {"previews": False, "shown": 0, "connection": {"criterion": "GAP"}},
            [large_row(np.int32, 4100, MICROMETRE)],
        ),
    ),
    "SegmentationScorer": Recipe(
        inputs=lambda world: [image_table(world)],
        port=0,
        ids=list,
        missing={"Labels": 3, "Predicted labels": 3},
        all_missing=0,
        large=lambda world, folder: ({"shown": 0}, [large_row(np.int32, 4100)]),
    ),
    "DomainGapReport": Recipe(
        inputs=lambda world: [image_table(world)] * 2,
        port=0,
        output=1,
        rows=2 * ROWS,
        empty=NO_SOURCE,
        single=1 + ROWS,
        missing={"Image": 2 * ROWS - 1},
        all_missing=NO_SOURCE,
        large=lambda world, folder: ({}, [large_row(np.uint16, 5900), image_table(world)]),
    ),
    "SegmentationLabelWriter": Recipe(
        lambda world, folder: {
            "folder": str(folder),
            "formats": {"roi_zip": True, "geojson": True},
            "existing": "OVERWRITE",
        },
        lambda world: [image_table(world)],
        port=0,
        ids=list,
        missing={"Predicted labels": 3},
        all_missing=0,
        large=lambda world, folder: ({"folder": str(folder)}, [large_row(np.int32, 4100)]),
    ),
    "ModelWriter": Recipe(
        lambda world, folder: {"folder": str(folder), "existing": "OVERWRITE"},
        lambda world: [world.model],
        output=None,
    ),
    "ModelReader": Recipe(lambda world, folder: {"path": str(world.files / "model.microseg")}, output=None),
    "PretrainedSegmentationModel": Recipe(output=1, rows=3),
    "LargeImageTiler": Recipe(
        lambda world, folder: {"file": image_files(world)[0], "tile_size": 64, "overlap": 16},
        lambda world: [image_table(world)],
        port=0,
        ids=lambda ids: [f"{one}_0_0" for one in ids],
        alone=1,
        missing={"Image": 3},
        all_missing=0,
        large=lambda world, folder: (
            {"tile_size": 8192, "overlap": 0, "previews": False},
            [large_row(np.uint16, 5900)],
        ),
    ),
    "TileMerger": Recipe(
        inputs=lambda world: [tile_table(world)],
        port=0,
        ids=list,
        missing=dict.fromkeys(("Image ID", "Y", "X", "Height", "Width", "Image height", "Image width"), NO_PLACE),
        all_missing=NO_PLACE,
        large=lambda world, folder: ({}, [placed(large_row(np.int32, 4100), 4100)]),
    ),
    "StyleTransfer": Recipe(
        inputs=lambda world: [image_table(world), image_table(world), None],
        port=0,
        ids=list,
        alone="No target images are connected",
        large=lambda world, folder: (
            {"previews": False, "shown": 0},
            [large_row(np.uint16, 5900), image_table(world), None],
        ),
    ),
    "StyleTransferLearner": Recipe(
        lambda world, folder: {"size": "OWN", "width": 4, "blocks": 1, "patch_size": 32, "steps": 2, **CPU},
        lambda world: [image_table(world)] * 2,
        port=0,
        output=1,
        rows=2,
        empty=NO_IMAGES,
        single=2,
        all_missing=NO_IMAGES,
    ),
}


def image_files(world: World) -> list[str]:
    """The paths of the images, as the column *Path* has them."""
    return [str(world.files / "images" / name) for name in FILES.values()]


def make_world(folder: Path, model: Any) -> World:
    """Write the files of a world."""
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for i, name in enumerate(FILES.values()):
        image, labels = disks(SIDE, seed=i)
        tifffile.imwrite(folder / "images" / name, image.array)
        tifffile.imwrite(folder / "labels" / name, labels.array.astype(np.uint16))
    (folder / "model.microseg").write_bytes(model.load().content)
    return World(model, folder)
