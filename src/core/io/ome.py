"""What OME-XML says of an image: its pixel size, its channels and the files that it is spread over.

Goldberg et al., "The Open Microscopy Environment (OME) Data Model and XML file", Genome Biology 2005.
"""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree

from core.errors import ImageReadError
from core.io.units import micrometres


def parse(xml: str) -> Element | None:
    """The root element of OME-XML, None if it is no XML."""
    try:
        root: Element = defusedxml.ElementTree.fromstring(xml)
    except (ParseError, ValueError):
        return None
    return root


def companion(root: Element) -> str:
    """Name of the file that holds the metadata, empty if they are in this one."""
    binary_only = _first(root, "BinaryOnly")
    return "" if binary_only is None else binary_only.get("MetadataFile", "")


def refuse_missing_files(root: Element, path: Path) -> None:
    """Raise an ImageReadError that names the first file of a set that is not beside this one."""
    own = root.get("UUID")
    for element in root.iter():
        name = element.get("FileName", "") if _tag(element) == "UUID" else ""
        if not name or name.lower() == path.name.lower() or (own is not None and element.text == own):
            continue
        if not (path.parent / name).is_file():
            raise ImageReadError(
                f"The image is spread over several files, and {name} is missing.",
                where=str(path),
                todo="Copy all files of the set into one folder, under their original names.",
            )


def describe(root: Element, index: int, count: int, channels: int) -> tuple[dict[str, float], tuple[str, ...]]:
    """Pixel size (µm, axes Z, Y, X) and channel names of the image number `index` of the `count` in the file.

    Both are empty if the XML describes another number of images: it is not known then which is which. Channel names are
    empty unless there is one per channel and at least one has a name.
    """
    images = [child for child in root if _tag(child) == "Image"]
    pixels = _first(images[index], "Pixels") if len(images) == count else None
    if pixels is None:
        return {}, ()
    sizes = {
        axis: micrometres(pixels.get(f"PhysicalSize{axis}", ""), pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        for axis in "ZYX"
    }
    names = [child.get("Name", "") for child in pixels if _tag(child) == "Channel"]
    named = tuple(name or f"channel {i}" for i, name in enumerate(names, 1))
    known = {axis: size for axis, size in sizes.items() if size is not None}
    return known, named if len(names) == channels and any(names) else ()


def _first(element: Element, tag: str) -> Element | None:
    return next((child for child in element if _tag(child) == tag), None)


def _tag(element: Element) -> str:
    return element.tag.rsplit("}", 1)[-1]
