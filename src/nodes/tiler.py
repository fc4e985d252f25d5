"""Large Image Tiler."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import knime.extension as knext

from core.errors import listed
from nodes.cells import NewRows, Row, rows
from nodes.columns import IMAGE, find_column, is_image, is_text, png_type, tensor_type
from nodes.large_settings import Damaged, Pages, damaged_parameter, pages_parameter
from nodes.paths import HOW, check_path, image_name, resolve
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import CATEGORY, connected

if TYPE_CHECKING:
    from core.image import Image, Kind
    from core.io.large import LargeImage
    from core.progress import Progress


class Storage(knext.EnumParameterOptions):
    """Where the pixels of the tiles are."""

    TABLE = ("In the table", "Every tile is copied. The table travels without the files.")
    REFERENCE = (
        "In the files",
        "The cells say where the pixels are, and nodes read them there: nothing is copied. The files must stay.",
    )


class EmptyTiles(knext.EnumParameterOptions):
    """What becomes of tiles without anything on them."""

    KEEP = ("Like all others", "They are segmented, too.")
    SKIP = (
        "Without pixels",
        "Their cells are missing, so that nothing is computed for them; the Tile Merger takes them as background.",
    )


COLUMNS = (
    ("Tile", tensor_type),
    ("Image ID", knext.string),
    ("Level", knext.int32),
    ("Y", knext.int32),
    ("X", knext.int32),
    ("Height", knext.int32),
    ("Width", knext.int32),
    ("Overlap", knext.int32),
    ("Image height", knext.int32),
    ("Image width", knext.int32),
    ("Path", knext.string),
)


def _can_be_cut(column: Any) -> bool:
    return is_image(column) or is_text(column)


@dataclass(frozen=True)
class _Source:
    """An image to cut.

    Parameters
    ----------
    id : what it is called.
    image : the image.
    where : what messages call it.
    kind : what its numbers mean.
    path : its file, None for an image of the table.
    """

    id: str
    image: "LargeImage"
    where: str
    kind: "Kind"
    path: str | None


@knext.node(
    "Large Image Tiler",
    knext.NodeType.SOURCE,
    "icons/tiler.png",
    CATEGORY,
    id="LargeImageTiler",
    keywords=["tile", "split", "mosaic", "whole slide", "large", "OME-Zarr", "SVS", "pyramid", "crop", "cut", "patch"],
)
@knext.input_table(
    "Images",
    "A column of images, or of text with the paths of image files or OME-Zarr folders; without this table the one "
    "image is taken that is set.",
    optional=True,
)
@knext.output_table(
    "Tiles",
    "One row per tile: *Tile* with its pixels, *Image ID*, *Level* (the resolution), *Y* and *X* of its first "
    "pixel, *Height* and *Width*, *Overlap*, *Image height* and *Image width*, all in pixels; *Path* of the file, "
    "and *Tile preview*, a picture to look at.",
)
class LargeImageTiler:
    """Cuts large images into tiles that overlap.

    Use it for workflows that work **tile by tile**: *Segmentation Predictor*, your own nodes, then the *Tile Merger*,
    which makes one label image of the tiles again. Tiles are normalised by the brightness of their whole image, not
    each by itself. To segment an image that is too large for a table, and nothing else, use the *Large Image
    Predictor*.

    Neighbouring tiles share a strip, the overlap. **It should be larger than the objects**: then every object is whole
    in one of the tiles.

    Read are TIFF in all its dialects, SVS and OME-Zarr, with their lower resolutions. A tile is empty if it has no
    contrast but noise: if the means of its squares of 8 x 8 pixels differ by less than 3 % of the contrast of the whole
    image.

    **Example:** an image of 4000 x 3000 pixels with nuclei of 20 to 60 pixels. With a *Tile size* of 1024 and an
    *Overlap* of 128 a tile begins every 896 pixels: 5 x 4 = 20 rows. Of a slide of 40,000 x 30,000 pixels set *Pixels
    of the tiles* to *In the files*, which copies nothing, and *Empty tiles* to *Without pixels*, so that the glass
    beside the tissue costs no time.

    **Limits:** images of any size are cut in the memory of a few tiles. A table with the pixels of all tiles is a
    little larger than the image: with the settings of the example by a quarter. Tiles in the files need these to stay
    where they are, and unchanged. PNG, JPEG and BMP are read as a whole.

    **Literature:** [Moore et al. 2023](https://doi.org/10.1007/s00418-023-02209-1), OME-Zarr: a cloud-optimized
    bioimaging file format with international community support, Histochemistry and Cell Biology.
    """

    file = knext.StringParameter("Image file", f"An image file or OME-Zarr folder. {HOW}", "").rule(
        connected(0), knext.Effect.HIDE
    )
    image_column = knext.ColumnParameter(
        "Image column", "The column of images, or of paths of image files.", 0, _can_be_cut
    ).rule(connected(0), knext.Effect.SHOW)
    tile_size = knext.IntParameter(
        "Tile size (pixels)", "Height and width of the tiles, 64 to 16,384.", 1024, min_value=64, max_value=16_384
    )
    overlap = knext.IntParameter(
        "Overlap (pixels)",
        "How much neighbouring tiles share: more than the length of the largest object, at most half of the tile size "
        "(0 to 8192).",
        128,
        min_value=0,
        max_value=8192,
    )
    level = knext.IntParameter(
        "Resolution (0: the full one)",
        "Of images with several resolutions: 0 is the full one, 1 the next coarser, up to 63.",
        0,
        min_value=0,
        max_value=63,
        is_advanced=True,
    )
    pages = pages_parameter()
    damaged = damaged_parameter()
    storage = knext.EnumParameter(
        "Pixels of the tiles",
        "Where they are kept.",
        Storage.TABLE.name,
        Storage,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    empty = knext.EnumParameter(
        "Empty tiles",
        "What becomes of tiles with background only.",
        EmptyTiles.KEEP.name,
        EmptyTiles,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    previews = knext.BoolParameter("Append previews", "Append a picture of each tile that KNIME's table shows.", True)

    def configure(self, ctx: Any, schema: Any) -> Any:
        """The columns, which no setting but the previews changes."""
        if self.overlap > self.tile_size // 2:
            raise knext.InvalidParametersError(
                f"The overlap is more than half of the tile size. Enter at most {self.tile_size // 2} pixels."
            )
        if schema is None:
            check_path(self.file, "image file")
        else:
            self.image_column = self._column(schema)
        return knext.Schema.from_columns(self._columns())

    def execute(self, ctx: Any, table: Any) -> Any:
        """One row per tile, image after image."""
        with plain_errors():
            from core.errors import UserInputError

            count = 1 if table is None else max(1, table.num_rows)
            missing: list[str] = []
            places: list[str] = []
            skipped = made = 0
            result = NewRows(self._columns())
            for done, source in enumerate(self._sources(ctx, table, missing)):
                name = f"{source.id} ({done + 1} of {count})" if source else "Looking for images"
                part = progress_of(ctx, name).part(done / count, (done + 1) / count)
                part.step(0.0)
                if source is None:
                    continue
                try:
                    for row_id, values in self._tiles(source, part):
                        result.add(row_id, values)
                        made, skipped = made + 1, skipped + (values[0] is None)
                except UserInputError as error:
                    raise error.at(source.where) if source.where else error from None
                finally:
                    places += source.image.damaged
                    source.image.close()
            warnings = [f"No tiles for {amount(len(missing), 'row')} without image: {listed(missing)}."] * bool(missing)
            if places:
                warnings.append(f"Damaged parts were taken as black: {listed(places)}.")
            if skipped:
                warnings.append(f"{skipped:,} of {amount(made, 'tile')} are empty and have no pixels.")
            warn(ctx, warnings)
            return result.finish()

    def _columns(self) -> list[Any]:
        preview = [knext.Column(png_type(), "Tile preview")] if self.previews else []
        return [knext.Column(kind(), name) for name, kind in COLUMNS] + preview

    def _column(self, schema: Any) -> str:
        preferred = (IMAGE, "Path") if self.storage == Storage.TABLE.name else ("Path", IMAGE)
        column = find_column(schema, self.image_column, "column of images or paths", _can_be_cut, preferred)
        if self.storage == Storage.REFERENCE.name and any(c.name == column and is_image(c) for c in schema):
            raise knext.InvalidParametersError(
                f"The images in column {column!r} lie in the table, not in files. Choose a column of paths, or let the "
                "pixels of the tiles be in the table."
            )
        return column

    def _sources(self, ctx: Any, table: Any, missing: list[str]) -> "Iterator[_Source | None]":
        """The images one after the other; None for rows without, which are noted."""
        if table is None:
            path = resolve(ctx, self.file, "image file")
            yield self._file(image_name(path), path, "")
            return
        column = self._column(table.schema)
        in_table = any(c.name == column and is_image(c) for c in table.schema)
        for row in rows(table):
            if row.is_missing(column):
                missing.append(row.id)
                yield None
            elif in_table:
                yield self._cell(row, column)
            else:
                yield self._file(row.id, resolve(ctx, row.value(column), "image file"), row.at(column))

    def _file(self, name: str, path: Path, where: str) -> _Source:
        from core.errors import UserInputError
        from core.io.large import ArrayImage, open_large

        try:
            image = open_large(path, self._pages(), self._damaged())
        except UserInputError as error:
            raise error.at(where) if where else error from None
        if isinstance(image, ArrayImage) and self.storage == Storage.REFERENCE.name:
            raise UserInputError(
                "Files of this format (PNG, JPEG, BMP) are read as a whole, so that tiles cannot lie in them.",
                where=where or str(path),
                todo="Let the pixels of the tiles be in the table, or convert the file to TIFF or OME-Zarr.",
            )
        return _Source(name, image, where, "intensity", str(image.path))

    def _cell(self, row: Row, column: str) -> _Source:
        from core.errors import UserInputError
        from core.io.large import ArrayImage

        image = row.image(column)
        assert image is not None
        try:
            return _Source(row.id, ArrayImage(image), row.at(column), image.kind, None)
        except UserInputError as error:
            raise error.at(row.at(column)) from None

    def _tiles(self, source: _Source, progress: "Progress") -> Iterator[tuple[str, list[Any]]]:
        """Row ID and values of every tile of an image."""
        from itertools import product

        from core.blockwise.pixels import sampled_percentiles
        from core.errors import UserInputError
        from core.inference.tiling import overlapping
        from core.visual import png_bytes, to_display

        image = source.image
        if self.level >= len(image.levels):
            raise UserInputError(
                f"The image has no resolution {self.level}, its coarsest is {len(image.levels) - 1}.",
                todo="Choose a smaller number; 0 is the full resolution.",
            )
        level = image.levels[self.level]
        whole = sampled_percentiles(image, self.level, progress.part(0.0, 0.1)) if source.kind == "intensity" else ()
        fingerprint = image.fingerprint() if self.storage == Storage.REFERENCE.name else ""
        places = list(
            product(*(overlapping(size, self.tile_size, self.overlap) for size in (level.height, level.width)))
        )
        for done, (down, across) in enumerate(places):
            progress.step(0.1 + 0.9 * done / len(places), f"tile {done + 1} of {len(places)}")
            tile = self._tile(source, down, across, whole)
            empty = self.empty == EmptyTiles.SKIP.name and _is_empty(tile)
            height, width = down.stop - down.start, across.stop - across.start
            values = [
                None if empty else self._stored(tile, source, down, across, fingerprint),
                source.id,
                self.level,
                down.start,
                across.start,
                height,
                width,
                self.overlap,
                level.height,
                level.width,
                source.path,
                *([None if empty else png_bytes(to_display(tile))] if self.previews else []),
            ]
            yield f"{source.id}_{down.start}_{across.start}", values

    def _tile(self, source: _Source, down: slice, across: slice, whole: tuple[tuple[float, ...], ...]) -> "Image":
        """A tile; its pixels are read only if they are looked at."""
        import numpy as np

        from core.image import Image

        image = source.image
        if self.storage == Storage.TABLE.name or self.previews or self.empty == EmptyTiles.SKIP.name:
            array = image.read(self.level, down, across)
        else:
            shape = (image.channels, down.stop - down.start, across.stop - across.start)
            array = np.broadcast_to(np.zeros((), image.dtype), shape)
        axes = "CYX" if image.channels > 1 else "YX"
        array = array if image.channels > 1 else array[0]
        names = image.channel_names if image.channels > 1 else ()
        return Image(array, axes, image.levels[self.level].pixel_size, names, source.kind, whole)

    def _stored(self, tile: "Image", source: _Source, down: slice, across: slice, fingerprint: str) -> "Image | bytes":
        """What the cell of a tile holds."""
        if self.storage == Storage.TABLE.name:
            return tile
        from core.source import Source
        from core.tensor_cell import encode

        height, width = down.stop - down.start, across.stop - across.start
        place = (self.level, down.start, across.start, height, width)
        return encode(tile, Source(str(source.path), *place, self._pages(), fingerprint, self._damaged()))

    def _damaged(self) -> 'Literal["fail", "zero"]':
        return "zero" if self.damaged == Damaged.ZERO.name else "fail"

    def _pages(self) -> 'Literal["Z", "C"]':
        return "C" if self.pages == Pages.C.name else "Z"


def _is_empty(tile: "Image") -> bool:
    """Whether a tile has no contrast but noise, or is labels without an object."""
    from core.background import is_background
    from core.normalization import NormalizationConfig

    if not tile.percentiles:
        return not tile.array.any()
    scaling = NormalizationConfig()
    return is_background(tile.normalized(scaling))
