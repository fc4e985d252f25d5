"""What kind of file this is, by its first bytes rather than by its name."""

import os
from pathlib import Path

from core.errors import ImageReadError

EXPORT = "Export it as OME-TIFF, with the microscope's program, Fiji (Bio-Formats) or QuPath, and read that."

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_FOREIGN_STARTS = {
    b"ZISRAWFILE": "a Zeiss CZI file",
    b"\xda\xce\xbe\x0a": "a Nikon ND2 file",
    b"\x70\0\0\0": "a Leica LIF file",
    b"\xd0\xcf\x11\xe0": "an OLE container (Olympus OIB, Zeiss ZVI or similar)",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file (Imaris IMS, BigDataViewer, ilastik or similar)",
    b"\x93NUMPY": "a NumPy array file",
    b"GIF8": "a GIF file",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 file",
    b"PK\x03\x04": "a ZIP archive",
    b"NRRD": "an NRRD file",
    b"%PDF": "a PDF file",
}

_FOREIGN_SUFFIXES = {
    ".czi": "a Zeiss CZI file",
    ".nd2": "a Nikon ND2 file",
    ".lif": "a Leica LIF file",
    ".dcm": "a DICOM file",
    ".oib": "an Olympus OIB file",
    ".oif": "an Olympus OIF file",
    ".vsi": "an Olympus VSI file",
    ".ims": "an Imaris file",
    ".zvi": "a Zeiss ZVI file",
    ".dv": "a DeltaVision file",
    ".mrxs": "a 3DHISTECH MIRAX file",
    ".h5": "an HDF5 file",
}


ZARR_MARKS = (".zattrs", ".zgroup", ".zarray", "zarr.json")
"""Files by which a folder is known as Zarr."""


def sniff(path: Path) -> str:
    """The family of a file: "tiff", "png", "jpeg" or "bmp", or of a folder: "zarr".

    Raises
    ------
    ImageReadError : there is no such file, it may not be read, is empty, a folder, or of another format (named).
    """
    if os.path.isdir(path):  # unlike Path.is_dir, it never fails
        if path.suffix.lower() == ".zarr" or any((path / mark).exists() for mark in ZARR_MARKS):
            return "zarr"
        raise ImageReadError("This is a folder, not an image.", where=str(path), todo="Choose a file.")
    start = _first_bytes(path)
    if not start:
        raise ImageReadError("The file is empty.", where=str(path), todo="Copy or export it again.")
    if start[:4] in _TIFF:
        return "tiff"
    for magic, family in ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"BM", "bmp")):
        if start.startswith(magic):
            return family
    name = foreign_name(path, start)
    if name:
        raise ImageReadError(f"This is {name}, which is not supported.", where=str(path), todo=EXPORT)
    raise ImageReadError(
        "The file is no image of a supported format (TIFF, PNG, JPEG, BMP), whatever its name says.",
        where=str(path),
        todo="Check that it was copied completely, or export it as OME-TIFF.",
    )


def sniff_file(path: Path) -> str:
    """As sniff, for what is read whole: OME-Zarr folders are refused, too."""
    family = sniff(path)
    if family == "zarr":
        raise ImageReadError(
            "This is an OME-Zarr folder, which is not read whole.",
            where=str(path),
            todo="Read it with the Large Image Tiler or the Large Image Predictor.",
        )
    return family


def foreign_name(path: Path, start: bytes = b"") -> str:
    """The name of a known format that is not supported, by the first bytes or else the suffix; empty if unknown."""
    for magic, name in _FOREIGN_STARTS.items():
        if start.startswith(magic):
            return name
    if start[128:132] == b"DICM":
        return "a DICOM file"
    return _FOREIGN_SUFFIXES.get(path.suffix.lower(), "")


def _first_bytes(path: Path) -> bytes:
    where = str(path)
    try:
        with path.open("rb") as file:
            return file.read(132)
    except FileNotFoundError as error:
        raise ImageReadError("There is no such file.", where=where, todo="Check the path.") from error
    except PermissionError as error:
        todo = "Ask for the permission, or close the program that has it open."
        raise ImageReadError("The file may not be read.", where=where, todo=todo) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        todo = "Check the path, the drive and the connection."
        raise ImageReadError(f"The file cannot be read ({reason}).", where=where, todo=todo) from error
