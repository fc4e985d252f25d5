"""Tile Merger."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.cells import NewRows, Row, rows
from nodes.columns import LABELS, PREDICTED, find_column, is_image, is_text, png_type, tensor_type
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import CATEGORY

if TYPE_CHECKING:
    from core.inference.places import Place
    from core.progress import Progress

PREVIEW = 1024
"""Pixels of the longer side of a preview, at most."""


class Incomplete(knext.EnumParameterOptions):
    """What to do where tiles are missing or there twice."""

    FAIL = ("Fail", "Stop and name the places.")
    WARN = ("Go on", "Take what is there, with a warning: background where no tile is, the first of several tiles.")


def is_whole_number(column: Any) -> bool:
    """Whether a column holds whole numbers."""
    return bool(column.ktype in (knext.int32(), knext.int64()))


def _number_parameter(label: str, description: str) -> knext.ColumnParameter:
    return knext.ColumnParameter(label, f"{description}, pixels.", 0, is_whole_number)


@knext.parameter_group("Places of the tiles", is_advanced=True)
class PlaceSettings:
    """The columns that the Large Image Tiler made; they are found by their names."""

    image_id = knext.ColumnParameter("Image ID", "Which image a tile is of.", 0, is_text)
    y = _number_parameter("Y (first row)", "First row of the tile in its image")
    x = _number_parameter("X (first column)", "First column of the tile in its image")
    height = _number_parameter("Height", "Height of the tile")
    width = _number_parameter("Width", "Width of the tile")
    image_height = _number_parameter("Image height", "Height of the image")
    image_width = _number_parameter("Image width", "Width of the image")


NAMES = {
    "image_id": "Image ID",
    "y": "Y",
    "x": "X",
    "height": "Height",
    "width": "Width",
    "image_height": "Image height",
    "image_width": "Image width",
}
"""The columns of the Large Image Tiler."""

PATH = "Path"
"""Of the image's file; carried where it is there."""


@dataclass(frozen=True)
class _Tile:
    """A tile of an image of some height and width; its labels as bytes, None where it is empty."""

    place: "Place"
    shape: tuple[int, int]
    cell: bytes | None


@knext.node(
    "Tile Merger",
    knext.NodeType.MANIPULATOR,
    "icons/merger.png",
    CATEGORY,
    id="TileMerger",
    keywords=["merge", "stitch", "mosaic", "tile", "join", "labels", "large"],
)
@knext.input_table(
    "Tiles",
    "One row per tile: a column of label images, and the columns of the *Large Image Tiler* that tell its place. "
    "The tiles of an image may come in any order.",
)
@knext.output_table(
    "Label images",
    "One row per image: *Labels*, in which 0 is background and every object has its own number, *Image ID*, *Path* "
    "where the tiles have it, *Object count*, and *Label preview*, a picture to look at.",
)
class TileMerger:
    """Joins the label images of tiles to one label image.

    Use it behind *Large Image Tiler* and *Segmentation Predictor*. Every object is there **once and whole**: two
    objects of two tiles are the same if their intersection is at least half of what the smaller one has in the area
    that the tiles share, and the tile is taken in which the object is whole. Objects that are larger than the overlap
    are put together of their parts; a warning says where. Tiles without overlap are joined along their borders, where
    objects that merely touch cannot be told from one that was cut.

    Tiles whose labels are missing are background: the tiler can leave out empty ones. The columns that tell the place
    of a tile are found by the names that the tiler gives them.

    **Example:** the 20 tiles of an image of 4000 x 3000 pixels, with an overlap of 128 pixels, have 1,150 objects in
    all, those in the strips being there twice. The node makes one row of them: a label image of 4000 x 3000 pixels and
    an *Object count* of, say, 1,000. If a tile was filtered out on the way, the node fails; with *Tiles missing or
    twice* set to *Go on* its place stays background.

    **Limits:** a label image takes 4 bytes per pixel and must stay below 2 GiB, about 23,000 x 23,000 pixels: use the
    *Large Image Predictor* for larger ones. Its memory is that of the label image and of the tiles of one image. The
    *Segmentation Predictor* sees each tile by itself, so that doubtful objects may differ from those of the *Large
    Image Predictor*, which knows the whole image.
    """

    label_column = knext.ColumnParameter("Label column", "Label images of the tiles.", 0, is_image)
    incomplete = knext.EnumParameter(
        "Tiles missing or twice",
        "What to do if the tiles do not cover an image, or some are there more than once.",
        Incomplete.FAIL.name,
        Incomplete,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    previews = knext.BoolParameter(
        "Append previews", "Append a picture of each label image that KNIME's table shows.", True
    )
    places = PlaceSettings()

    def configure(self, ctx: Any, schema: Any) -> Any:
        """The columns, which no setting but the previews changes."""
        self.label_column = self._label_column(schema)
        for name, column in self._place_columns(schema).items():
            setattr(self.places, name, column)
        return knext.Schema.from_columns(self._columns(schema))

    def execute(self, ctx: Any, table: Any) -> Any:
        """One row per image, as soon as its last tile is read."""
        with plain_errors():
            label_column, places = self._label_column(table.schema), self._place_columns(table.schema)
            has_path = _has_path(table.schema)
            progress, total = progress_of(ctx), max(1, table.num_rows)
            expected: Counter[str] = Counter()
            for row in rows(table):
                progress.step(0.0, "Looking for images")
                expected[_value(row, places["image_id"])] += 1
            tiles: dict[str, list[_Tile]] = {name: [] for name in expected}
            sizes: dict[str, Any] = {}
            warnings: list[str] = []
            result, done = NewRows(self._columns(table.schema)), 0
            for row in rows(table):
                progress.check()
                name = _value(row, places["image_id"])
                tile, size = _tile(row, label_column, places)
                tiles[name].append(tile)
                sizes.setdefault(name, size)
                path = [row.value(PATH)] if has_path else []
                if len(tiles[name]) == expected[name]:
                    begin, done = done, done + expected[name]
                    part = progress.part(begin / total, done / total, f"{name}: ")
                    joined = self._joined(name, tiles.pop(name), sizes.pop(name) or {}, warnings, part)
                    result.add(name, [joined[0], name, *path, *joined[1:]])
            warn(ctx, warnings)
            return result.finish()

    def _label_column(self, schema: Any) -> str:
        return find_column(schema, self.label_column, "label column", preferred=(PREDICTED, LABELS), avoid=["Tile"])

    def _place_columns(self, schema: Any) -> dict[str, str]:
        return {
            name: find_column(
                schema,
                getattr(self.places, name) or column,
                f"column {column!r} of the tiles",
                is_text if name == "image_id" else is_whole_number,
            )
            for name, column in NAMES.items()
        }

    def _columns(self, schema: Any) -> list[Any]:
        return [
            knext.Column(tensor_type(), LABELS),
            knext.Column(knext.string(), NAMES["image_id"]),
            *([knext.Column(knext.string(), PATH)] if _has_path(schema) else []),
            knext.Column(knext.int32(), "Object count"),
            *([knext.Column(png_type(), "Label preview")] if self.previews else []),
        ]

    def _joined(
        self, name: str, tiles: list[_Tile], pixel_size: Any, warnings: list[str], progress: "Progress"
    ) -> list[Any]:
        """An image's labels, their number, and the preview."""
        import numpy as np

        from core.errors import UserInputError
        from core.image import Image
        from core.inference.stitching import stitch
        from core.tensor_cell import decode
        from core.visual import png_bytes, to_display

        try:
            shape = _shape(tiles)
            tiles = self._checked(name, shape, tiles, warnings)

            def read(number: int) -> Any:
                place, cell = tiles[number].place, tiles[number].cell
                return np.zeros((place.height, place.width), np.int32) if cell is None else decode(cell).array

            found = stitch(shape, [tile.place for tile in tiles], read, progress)
        except UserInputError as error:
            raise error.at(f"Image {name!r}") from None
        if found.cut:
            some = [f"Y {y}, X {x}" for y, x in found.cut[:3]] + ["..."] * (len(found.cut) > 3)
            warnings.append(
                f"Image {name!r}: {amount(len(found.cut), 'object')} put together of parts, or cut, being larger than "
                f"the overlap of the tiles, at {'; '.join(some)}. A larger overlap keeps them whole."
            )
        labels = Image(found.labels, "YX", pixel_size, kind="labels")
        step = -(-max(shape) // PREVIEW)
        small = labels.with_array(np.ascontiguousarray(found.labels[::step, ::step]), "YX", "labels")
        return [labels, found.count, *([png_bytes(to_display(small))] if self.previews else [])]

    def _checked(self, name: str, shape: tuple[int, int], tiles: list[_Tile], warnings: list[str]) -> list[_Tile]:
        """The tiles, each once."""
        from core.errors import UserInputError
        from core.inference.places import faults

        wrong = faults(shape, [tile.place for tile in tiles])
        if wrong and self.incomplete == Incomplete.FAIL.name:
            raise UserInputError(
                f"The tiles are not complete: {', and '.join(wrong)}.",
                todo="Give all tiles of the image, each once, or let the node go on with what is there.",
            )
        warnings += [f"Image {name!r}: {fault}." for fault in wrong]
        return list({(tile.place.y, tile.place.x): tile for tile in reversed(tiles)}.values())


def _has_path(schema: Any) -> bool:
    """Whether the tiles say which file they are of."""
    return any(column.name == PATH and is_text(column) for column in schema)


def _value(row: Row, column: str) -> Any:
    from core.errors import UserInputError

    if row.is_missing(column):
        todo = "Give the tiles as the Large Image Tiler made them, or remove the row."
        raise UserInputError("The place of the tile is missing.", where=row.at(column), todo=todo)
    return row.value(column)


def _tile(row: Row, label_column: str, columns: dict[str, str]) -> tuple[_Tile, Any]:
    """The tile of a row, and the pixel size of its labels, None where it has none."""
    from core.errors import UserInputError
    from core.inference.places import Place
    from core.tensor_cell import encode

    y, x, height, width, image_height, image_width = (
        int(_value(row, columns[name])) for name in ("y", "x", "height", "width", "image_height", "image_width")
    )
    labels = row.labels(label_column)
    if labels is not None and labels.array.shape != (height, width):
        raise UserInputError(
            f"The labels are {labels.array.shape[0]} x {labels.array.shape[1]} pixels, the tile is {height} x {width}.",
            where=row.at(label_column),
            todo="Give the labels as they were predicted for the tiles, neither cropped nor resized.",
        )
    tile = _Tile(Place(y, x, height, width), (image_height, image_width), encode(labels) if labels else None)
    return tile, labels.pixel_size if labels else None


def _shape(tiles: list[_Tile]) -> tuple[int, int]:
    """Height and width of the image that all tiles are of."""
    from core.errors import UserInputError
    from core.tensor_cell import MAX_BYTES

    shapes = sorted({tile.shape for tile in tiles})
    if len(shapes) > 1:
        raise UserInputError(
            f"Its tiles are of images of different sizes: {' and '.join(f'{h} x {w}' for h, w in shapes[:2])} pixels.",
            todo="Merge the tiles of one image and level at a time, or give the images different IDs.",
        )
    height, width = shapes[0]
    if height * width * 4 > MAX_BYTES:
        raise UserInputError(
            f"The label image of {height} x {width} pixels does not fit into a cell, which holds less than 2 GiB.",
            todo="Segment the image with the Large Image Predictor, or its tiles at a lower level.",
        )
    return shapes[0]
