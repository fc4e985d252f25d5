"""Tables row by row: cells become images, results become cells.

Tables of images are written one row per batch, whatever the batches of the input are: KNIME wants batches of equal
length, and none so large that it must be split within a row.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import knime.extension as knext
import numpy as np

from core.errors import UserInputError
from core.image import Image
from core.io.axes import canonical, simplify_colour
from core.tensor_cell import Header, decode, encode, read_header
from nodes.columns import png_type, tensor_type, unique_name

ROW_ID = "<RowID>"


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Parameters
    ----------
    id : the row's ID.
    record : an Arrow record batch of this one row, the row ID first.
    """

    id: str
    record: Any

    def __str__(self) -> str:
        return f"Row {self.id!r}"

    def at(self, column: str) -> str:
        """A cell of this row in words."""
        return f"{self}, column {column!r}"

    def is_missing(self, column: str) -> bool:
        """Whether a cell is empty."""
        return bool(self._storage(column).null_count)

    def value(self, column: str) -> Any:
        """A cell's plain value, None where missing."""
        return self.record.column(column)[0].as_py()

    def cell(self, column: str) -> Any:
        """A cell as an Arrow array of one value, to be carried whatever its type is."""
        return self.record.column(column)

    def image(self, column: str) -> Image | None:
        """The image in a cell, None where missing; raw tensors are not copied.

        Raises
        ------
        UserInputError : the cell is damaged or holds something else; names row and column.
        """
        return self._image(column, palette_as_numbers=False)

    def unlabelled(self, column: str, todo: str = "Choose the column of images.") -> Image | None:
        """As `image`, but refuses labels; `todo` is what can be done about them."""
        image = self.image(column)
        if image is not None and image.kind == "labels":
            raise UserInputError("The cell holds labels, not an image.", where=self.at(column), todo=todo)
        return image

    def labels(self, column: str, *, stacks: bool = False) -> Image | None:
        """The label image in a cell, axes YX, or ZYX where `stacks` are taken too; int32; None where missing.

        Raises
        ------
        UserInputError : the cell holds no labels; names row and column.
        """
        image = self._image(column, palette_as_numbers=True)
        try:
            return image and _as_labels(image, stacks)
        except UserInputError as error:
            raise error.at(self.at(column)) from None

    def mask_warning(self, column: str, labels: Image) -> list[str]:
        """A warning where labels look like a binary mask: all objects have one number, and so count as one."""
        from core.measurement.mask import mask_doubt

        doubt = mask_doubt(labels.array)
        return [f"{self.at(column)}: {doubt}"] if doubt else []

    def header(self, column: str) -> Header | None:
        """Axes and shape of the image in a cell, without touching a tensor's pixels; None where missing.

        Raises
        ------
        UserInputError : the cell is damaged or holds something else; names row and column.
        """
        storage = self._storage(column)
        if storage.null_count:
            return None
        if not _is_bytes(storage):
            image = self.image(column)
            return read_header(encode(image)) if image else None
        try:
            return read_header(storage[0].as_buffer())
        except UserInputError as error:
            raise error.at(self.at(column)) from None

    def _image(self, column: str, *, palette_as_numbers: bool) -> Image | None:
        storage = self._storage(column)
        if storage.null_count:
            return None
        try:
            if _is_bytes(storage):
                return decode(storage[0].as_buffer())
            return _of_picture(self._png(column, storage), palette_as_numbers)
        except UserInputError as error:
            raise error.at(self.at(column)) from None

    def _png(self, column: str, storage: Any) -> Any:
        """The picture in a PNG cell: in the table, or in a file of KNIME's."""
        import PIL.Image

        PIL.Image.MAX_IMAGE_PIXELS = None  # whole slides are no attack
        key, content = storage.field(0)[0], storage.field(1)[0]
        try:
            if key.is_valid and key.as_py():
                return self.record.column(column)[0].as_py()
            return PIL.Image.open(io.BytesIO(content.as_buffer()[4:]))
        except (OSError, SyntaxError, ValueError, TypeError) as error:
            raise UserInputError(
                f"The PNG picture is damaged ({error}).", todo="Execute the node that made it again."
            ) from None

    def _storage(self, column: str) -> Any:
        array = self.record.column(column)
        return getattr(array, "storage", array)


def rows(table: Any) -> Iterator[Row]:
    """The rows of a table, one after the other."""
    from nodes.dictionaries import independent

    for batch in table.batches():
        records = independent(batch.to_pyarrow())
        for i, row_id in enumerate(records.column(0).to_pylist()):
            yield Row(str(row_id), records.slice(i, 1))


class RowWriter:
    """The rows of a table with new columns behind their own.

    Parameters
    ----------
    table : the input table.
    columns : the new columns, under names that are not taken.
    """

    def __init__(self, table: Any, columns: Sequence[Any]) -> None:
        self._table, self._columns, self._empty = table, columns, True
        self._out = knext.BatchOutputTable.create()

    def add(self, row: Row, values: Sequence[Any]) -> None:
        """Add a row with a value per new column: an Image, PNG bytes, a number, a text, or None."""
        import pyarrow as pa

        self._append(pa.Table.from_batches([row.record]), [[value] for value in values])

    def finish(self) -> Any:
        """The table; one without rows has its columns too."""
        if self._empty:
            self._append(no_rows(self._table), [[] for _ in self._columns])
        return self._out

    def _append(self, table: Any, values: list[list[Any]]) -> None:
        for column, cells in zip(self._columns, values, strict=True):
            table = table.append_column(column.name, to_arrow(column, cells))
        self._out.append(table)
        self._empty = False


class NewRows:
    """A table of new rows.

    Parameters
    ----------
    columns : all its columns.
    """

    def __init__(self, columns: Sequence[Any]) -> None:
        self._columns, self._ids = columns, set[str]()
        self._out = knext.BatchOutputTable.create()

    def add(self, row_id: str, values: Sequence[Any]) -> None:
        """Add a row with a value per column, see `RowWriter.add`; a row ID that is taken gets a number.

        A cell of another table is given as an Arrow array of one value.
        """
        import pyarrow as pa

        row_id = unique_name(self._ids, row_id)
        self._ids.add(row_id)
        cells = [value if isinstance(value, pa.Array) else [value] for value in values]
        self._out.append(new_table(self._columns, [row_id], cells))

    def finish(self) -> Any:
        """The table; one without rows has its columns too."""
        if not self._ids:
            self._out.append(new_table(self._columns, [], [[] for _ in self._columns]))
        return self._out


def no_rows(table: Any) -> Any:
    """The columns of an input table as an Arrow table without rows."""
    import pyarrow as pa

    for batch in table.batches():
        return pa.Table.from_batches([batch.to_pyarrow().slice(0, 0)])
    # KNIME's own to_pyarrow fails for a table without batches
    return new_table(list(table.schema), [], [[] for _ in table.column_names])


def new_table(columns: Sequence[Any], row_ids: Sequence[str], values: Iterable[Sequence[Any]]) -> Any:
    """An Arrow table with row IDs first; `values` has one sequence per column."""
    import pyarrow as pa

    arrays = {ROW_ID: pa.array(row_ids, pa.string())}
    return pa.table(arrays | {c.name: to_arrow(c, v) for c, v in zip(columns, values, strict=True)})


def small_table(columns: Sequence[Any], row_ids: Sequence[str], values: Iterable[Sequence[Any]]) -> Any:
    """A KNIME table without images, see `new_table`."""
    return knext.Table.from_pyarrow(new_table(columns, row_ids, values), row_ids="keep")


def to_arrow(column: Any, values: Sequence[Any]) -> Any:
    """Values as an Arrow array of a column's type: Images or encoded ones for tensors, bytes for PNG pictures.

    None and NaN are missing cells; an Arrow array is taken as it is.
    """
    import pyarrow as pa

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if column.ktype == tensor_type():
        cells = pa.array([v if v is None or isinstance(v, bytes) else encode(v) for v in values], pa.large_binary())
        return pa.ExtensionArray.from_storage(column.ktype.to_pyarrow(), cells)
    if column.ktype == png_type():
        return _png_array(column.ktype.to_pyarrow(), values)
    return pa.array(values, _arrow_type(column.ktype), from_pandas=True)


def _arrow_type(kind: Any) -> Any:
    """Arrow's type for a column's."""
    import pyarrow as pa

    if isinstance(kind, knext.ListType):
        return pa.list_(_arrow_type(kind.inner_type))
    if isinstance(kind, knext.LogicalType):
        return kind.to_pyarrow()
    types: Mapping[Any, Any] = {
        knext.int32(): pa.int32(),
        knext.int64(): pa.int64(),
        knext.double(): pa.float64(),
        knext.bool_(): pa.bool_(),
        knext.string(): pa.string(),
        knext.null(): pa.null(),
    }
    return types[kind]


def _png_array(kind: Any, blobs: Sequence[bytes | None]) -> Any:
    """PNG cells that lie in the table: no key of a file, then the length as int32 and the bytes."""
    import pyarrow as pa

    content = [None if blob is None else len(blob).to_bytes(4, "little") + blob for blob in blobs]
    storage = pa.StructArray.from_arrays(
        [pa.nulls(len(blobs), pa.string()), pa.array(content, pa.large_binary())],
        fields=list(kind.storage_type),
        mask=pa.array([blob is None for blob in blobs], pa.bool_()),
    )
    return pa.ExtensionArray.from_storage(kind, storage)


def _is_bytes(storage: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_large_binary(storage.type) or pa.types.is_binary(storage.type))


def _of_picture(picture: Any, palette_as_numbers: bool) -> Image:
    try:
        if picture.mode in ("P", "PA") and not palette_as_numbers:
            picture = picture.convert("RGBA")
        array = np.array(picture)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UserInputError(
            f"The PNG picture is damaged ({error}).", todo="Execute the node that made it again."
        ) from None
    names: tuple[str, ...] = ()
    if array.ndim == 3:
        array, names = simplify_colour(array, 2)
    array, axes = canonical(array, "YXC"[: array.ndim], "Z")
    return Image(array, axes, {}, names if "C" in axes else ())


def _as_labels(image: Image, stacks: bool) -> Image:
    stack = stacks and image.size("Z") > 1 and image.size("T") == 1
    channels, pixels = image.size("C"), image.array if stack else image.cyx()
    if channels != 1:
        raise UserInputError(
            f"A label image has one channel, this one has {channels}.", todo="Choose the column of label images."
        )
    labels = pixels.reshape(pixels.shape[-3:] if stack else pixels.shape[-2:])
    if labels.dtype.kind == "f" and not (labels == np.rint(labels)).all():
        raise UserInputError(
            "Labels are whole numbers, this image has others.", todo="Choose the column of label images."
        )
    if labels.size and (labels.min() < 0 or labels.max() > np.iinfo(np.int32).max):
        raise UserInputError(
            f"Labels are numbers from 0 to {np.iinfo(np.int32).max}, this image has {labels.min()} to {labels.max()}.",
            todo="Number the objects from 1.",
        )
    return image.with_array(labels.astype(np.int32, copy=False), "ZYX" if stack else "YX", "labels")
