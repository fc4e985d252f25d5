"""An Image as self-describing bytes, and back without copying: what a cell of a table holds.

    magic (8 bytes) | version (uint32) | length of the header (uint32) | header (JSON, UTF-8) | zeros | data | zeros

Numbers are little-endian, data are in C order, they start at a multiple of 64 bytes and the cell ends at one, so that
cells that follow each other in one memory-mapped file are all aligned. Label maps are compressed (zlib, level 1: they
shrink about a hundredfold), other images are raw: they hardly shrink, and are read without copying. A cell may say
where its pixels lie (`source` in the header) in place of holding them.
"""

import json
import math
import struct
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import UserInputError
from core.image import AXES, KINDS, Image, Kind
from core.normalization import PERCENTAGES
from core.source import Source

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MAGIC = b"\x93USEGTC\n"
VERSION = 1
ALIGNMENT = 64
MAX_BYTES = 2**31 - 1
"""What one cell of a table can hold."""

DTYPES = ("|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8")
"""Types of pixels that a cell can hold, as numpy writes them."""

_PREFIX = struct.Struct("<8sII")
_DAMAGED = "The image in this cell is damaged: "
_AGAIN = "Execute the node that made it again."


@dataclass(frozen=True)
class Header:
    """What a cell says about its image.

    Parameters
    ----------
    axes, shape, kind, pixel_size, channel_names, percentiles : as in Image; pixel sizes are in micrometres.
    dtype : type of the pixels.
    compression : "none" or "zlib".
    start, stop : where the stored pixels lie in the cell, bytes.
    source : where the pixels lie that are not in the cell.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    kind: Kind
    pixel_size: dict[str, float]
    channel_names: tuple[str, ...]
    compression: str
    start: int
    stop: int
    percentiles: tuple[tuple[float, ...], ...] = ()
    source: Source | None = None

    def size(self, axis: str) -> int:
        """Number of pixels along an axis; 1 where the image has no such axis."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    @property
    def nbytes(self) -> int:
        """Size of the image in memory, bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def encode(image: Image, source: Source | None = None) -> bytes:
    """The bytes of an image, any axes and any type of DTYPES.

    Parameters
    ----------
    image : the image.
    source : where its pixels lie, which are then left out of the cell; those of `image` are not looked at.

    Raises
    ------
    UserInputError : the image does not fit into a cell (2³¹−1 bytes), or has pixels of another type.
    """
    dtype = image.array.dtype.newbyteorder("<")
    if dtype.str not in DTYPES:
        raise UserInputError(f"Pixels of type {image.array.dtype} cannot be stored.", todo="Convert them to numbers.")
    compression = "zlib" if image.kind == "labels" and source is None else "none"
    data: bytes | memoryview = b""
    if source is None:
        _refuse_too_large(image.array.nbytes)
        pixels = np.ascontiguousarray(image.array, dtype).reshape(-1).view(np.uint8)
        data = zlib.compress(pixels.data, 1) if compression == "zlib" else pixels.data
    optional = {"percentiles": image.percentiles, "source": source and asdict(source)}
    header = json.dumps(
        {
            "dtype": dtype.str,
            "shape": image.array.shape,
            "axes": image.axes,
            "kind": image.kind,
            "pixel_size": dict(image.pixel_size),
            "pixel_size_unit": "µm",
            "channel_names": image.channel_names,
            "compression": compression,
            "data_bytes": len(data),
            **{key: value for key, value in optional.items() if value},
        },
        ensure_ascii=False,
    ).encode()
    start = _aligned(_PREFIX.size + len(header))
    stop = start + len(data)
    _refuse_too_large(_aligned(stop))
    prefix = _PREFIX.pack(MAGIC, VERSION, len(header)) + header
    return b"".join([prefix, bytes(start - len(prefix)), data, bytes(_aligned(stop) - stop)])


def decode(cell: "ReadableBuffer") -> Image:
    """The image in a cell.

    Raw pixels are a read-only view on the cell, compressed ones (label maps) and those that lie in a file a new array.

    Raises
    ------
    UserInputError : the bytes are no image, damaged, or of a newer version; the file is missing or has changed.
    """
    header = read_header(cell)
    array = _stored(cell, header) if header.source is None else _referred(header.source, header)
    return Image(array, header.axes, header.pixel_size, header.channel_names, header.kind, header.percentiles)


def _stored(cell: "ReadableBuffer", header: Header) -> NDArray[Any]:
    """The pixels in a cell."""
    stored = memoryview(cell).cast("B")[header.start : header.stop]
    pixels: NDArray[np.uint8]
    if header.compression == "zlib":
        pixels = np.frombuffer(_decompress(stored, header.nbytes), np.uint8)
    else:
        pixels = np.frombuffer(stored, np.uint8)
    if pixels.nbytes != header.nbytes:
        raise UserInputError(f"{_DAMAGED}{pixels.nbytes} bytes for {header.nbytes}.", todo=_AGAIN)
    array: NDArray[Any] = pixels.view(header.dtype).reshape(header.shape)
    return array if array.flags.aligned else array.copy()  # a cell at an odd address: compiled code needs aligned ones


def _referred(source: Source, header: Header) -> NDArray[Any]:
    """The pixels that a cell refers to."""
    array = source.read()
    if array.size != math.prod(header.shape) or array.dtype.newbyteorder("<") != header.dtype:
        raise UserInputError(f"{_DAMAGED}the file holds other pixels than it says.", where=source.path, todo=_AGAIN)
    return array.reshape(header.shape)


def is_tensor_cell(cell: "ReadableBuffer") -> bool:
    """Whether the bytes start as an image's do."""
    return bytes(memoryview(cell).cast("B")[: len(MAGIC)]) == MAGIC


def read_header(cell: "ReadableBuffer") -> Header:
    """What a cell says about its image; the pixels are not touched.

    Raises
    ------
    UserInputError : the bytes are no image, damaged, or of a newer version.
    """
    data = memoryview(cell).cast("B")
    if not is_tensor_cell(data):
        raise UserInputError("This cell holds bytes that are no image.", todo="Choose a column of images.")
    if len(data) < _PREFIX.size:
        raise UserInputError(f"{_DAMAGED}it ends early.", todo=_AGAIN)
    _, version, length = _PREFIX.unpack_from(data)
    if version != VERSION:
        raise UserInputError(
            f"The image in this cell has version {version} of the format, this program knows {VERSION}.",
            todo="Update the extension, or execute the node that made the cell again.",
        )
    end = _PREFIX.size + length
    try:
        values = json.loads(str(data[_PREFIX.size : end], "utf-8"))
        header = _header(values, _aligned(end))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise UserInputError(f"{_DAMAGED}its header cannot be read.", todo=_AGAIN) from error
    if header.stop > len(data):
        raise UserInputError(f"{_DAMAGED}{len(data)} bytes of {header.stop}.", todo=_AGAIN)
    return header


def _header(values: dict[str, Any], start: int) -> Header:
    shape = tuple(int(n) for n in values["shape"])
    axes, dtype, kind, compression = values["axes"], values["dtype"], values["kind"], values["compression"]
    stored, names = int(values["data_bytes"]), tuple(str(name) for name in values["channel_names"])
    sizes = {str(axis): float(size) for axis, size in values["pixel_size"].items()}
    percentiles = tuple(tuple(float(value) for value in of) for of in values.get("percentiles", ()))
    source = Source(**values["source"]) if "source" in values else None
    sound = (
        dtype in DTYPES
        and kind in KINDS
        and compression in ("none", "zlib")
        and len(axes) == len(shape)
        and set(axes) <= set(AXES)
        and all(n >= 0 for n in (*shape, stored))
        and all(len(of) == len(PERCENTAGES) for of in percentiles)
    )
    if not sound:
        raise ValueError(values)
    return Header(
        axes, shape, np.dtype(dtype), kind, sizes, names, compression, start, start + stored, percentiles, source
    )


def _decompress(stored: memoryview, size: int) -> bytes:
    """At most one byte more than `size`, so that a damaged cell cannot fill the memory."""
    try:
        return zlib.decompressobj().decompress(stored, size + 1)
    except (zlib.error, OverflowError, MemoryError) as error:
        raise UserInputError(f"{_DAMAGED}its pixels cannot be decompressed.", todo=_AGAIN) from error


def _refuse_too_large(nbytes: int) -> None:
    if nbytes > MAX_BYTES:
        raise UserInputError(
            f"The image has {nbytes / 2**30:.2f} GiB, a cell of a table holds less than 2 GiB.",
            todo="Crop it, cut it into tiles, bin it, or store it with fewer bits per pixel.",
        )


def _aligned(position: int) -> int:
    return -(-position // ALIGNMENT) * ALIGNMENT
