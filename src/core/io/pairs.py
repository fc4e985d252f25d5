"""Which images a folder holds, and which label image belongs to which.

Three ways to keep them are found without being told (`labels=""`); x stands for the same name in both places:

    images/x.png + labels/x.tif     sub-folders beside each other (IMAGE_FOLDERS, LABEL_FOLDERS)
    x.png + labels/x.tif            a folder of labels beside the images
    x.png + x_labels.tif            one folder, a suffix (LABEL_SUFFIXES)
    x.png + x.zip                   regions drawn in ImageJ or QuPath (DRAWN), also in any of the places above

Every other way is told by a pattern in which {name} stands for the name of the image, see find_pairs.
"""

import fnmatch
import functools
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserInputError
from core.io.drawn import SUFFIXES as DRAWN
from core.io.formats import EXPORT, foreign_name
from core.io.read import SUFFIXES

IMAGE_FOLDERS = ("images", "image", "img", "imgs", "raw", "intensity")
LABEL_FOLDERS = ("labels", "label", "masks", "mask", "ground truth", "ground_truth", "groundtruth", "gt", "annotations")
LABEL_SUFFIXES = tuple(
    f"{mark}{kind}" for mark in "_-" for kind in ("labels", "label", "masks", "mask", "gt", "seg", "rois")
)

_NAME = "{name}"


@dataclass(frozen=True)
class Pair:
    """An image and, if there is one, its label image.

    Parameters
    ----------
    name : path of the image below the folder, with "/" and without suffix, or what {name} stands for.
    image, labels : files.
    """

    name: str
    image: Path
    labels: Path | None = None


def find_pairs(folder: Path | str, image_pattern: str = "*", labels: str = "", recursive: bool = False) -> list[Pair]:
    """The images of a folder in natural order (2 before 10), each with its label image if there is one.

    Hidden files are skipped. If the folder itself holds no image, a sub-folder of IMAGE_FOLDERS is looked into.

    Parameters
    ----------
    image_pattern : names of images: * any text, ? any character, [ab] one of them, {name} the part that the label image
        shares. Without a suffix any of SUFFIXES fits. Upper and lower case are the same. Examples: "*", "*.png",
        "{name}_dapi".
    labels : where labels are: "" as described at the top of this file; a text with {name} is a path below the folder of
        images (or a full path), with or without suffix: "{name}_nuclei", "../truth/{name}", "/data/truth/{name}.tif"; a
        text without {name} is a folder, whose labels have the names of the images.
    recursive : look into sub-folders too; {name} then contains them ("day1/x"), and labels lie in equal sub-folders.

    Returns
    -------
    Pairs; `labels` is None where no label image was found.

    Raises
    ------
    UserInputError : the folder cannot be read or holds no images; two label images fit one image, or one fits two.
    """
    return _Search(Path(os.path.normpath(folder)), image_pattern, labels, recursive).pairs()


class _Search:
    """One search: remembers the folders that it has listed."""

    def __init__(self, folder: Path, image_pattern: str, labels: str, recursive: bool) -> None:
        self._folder, self._pattern, self._labels, self._recursive = folder, image_pattern, labels, recursive
        self._regex = _compile(image_pattern)
        if labels and _NAME not in labels:
            self._labels = f"{labels.rstrip('/')}/{_NAME}"
        self._listed = functools.cache(_by_name)
        self._label_folders = functools.cache(_label_folders)

    def pairs(self) -> list[Pair]:
        root, files = self._root()
        named = [(self._name(path, root), path) for path in files]
        found = {path: self._labels_of(name, path, root) for name, path in named if name is not None}
        taken = {label for labels in found.values() for label in labels}
        pairs = []
        for name, path in named:
            if name is None or path in taken or self._in_label_folder(path, root):
                continue
            labels = found[path]
            if len(labels) > 1:
                raise UserInputError(
                    f"More than one label image fits: {', '.join(str(label) for label in labels)}.",
                    where=str(path),
                    todo="Move one away, or say with a pattern which one is meant.",
                )
            pairs.append(Pair(name, path, labels[0] if labels else None))
        if not pairs:
            raise self._nothing_found(root)
        _refuse_shared(pairs)
        return sorted(pairs, key=lambda pair: _natural(str(pair.image)))

    def _root(self) -> tuple[Path, list[Path]]:
        files = self._files(self._folder)
        if not files and not self._recursive:
            for sub in _folders(self._folder):
                if sub.name.lower() in IMAGE_FOLDERS:
                    return sub, self._files(sub)
        return self._folder, files

    def _files(self, folder: Path, above: tuple[Path, ...] = ()) -> list[Path]:
        files, folders = _entries(folder)
        fitting = [path for path in files if self._fits(path)]
        if self._recursive:
            above = (*above, folder.resolve())  # a link back to where the search came from has no end
            for sub in folders:
                if not any(one.is_relative_to(sub.resolve()) for one in above):
                    fitting += self._files(sub, above)
        return fitting

    def _fits(self, path: Path) -> bool:
        by_suffix = path.suffix.lower() in SUFFIXES or (
            "." in self._pattern and fnmatch.fnmatch(path.suffix.lower(), "." + self._pattern.rsplit(".", 1)[1].lower())
        )
        return by_suffix and self._match(path) is not None

    def _match(self, path: Path) -> re.Match[str] | None:
        return self._regex.fullmatch(_stem(path.name)) or self._regex.fullmatch(path.name)

    def _name(self, path: Path, root: Path) -> str | None:
        match = self._match(path)
        if match is None:
            return None
        name = match.group("name") if _NAME in self._pattern else _stem(path.name)
        return (path.parent.relative_to(root) / name).as_posix()

    def _labels_of(self, name: str, image: Path, root: Path) -> list[Path]:
        found: list[Path] = []
        for pattern in [self._labels.replace(_NAME, name)] if self._labels else self._usual_places(name, image, root):
            place = Path(os.path.normpath(root / pattern))
            found += self._listed(place.parent).get(place.name.lower(), [])
        return [path for path in dict.fromkeys(found) if path != image]

    def _usual_places(self, name: str, image: Path, root: Path) -> list[str]:
        """Where a label image may be, relative to the root and without suffix."""
        parent, stem = os.path.split(name)
        stems = [stem, *(stem + suffix for suffix in LABEL_SUFFIXES)]
        places = [os.path.join(parent, s) for s in (*stems[1:], *(stem + suffix for suffix in DRAWN))]
        places += [os.path.join(parent, labels, s) for labels in self._label_folders(image.parent) for s in stems]
        inside = image.parent.relative_to(root).parts
        for depth, folder in enumerate([image.parent, *image.parent.parents][: len(inside) + 1]):
            if folder.name.lower() in IMAGE_FOLDERS:
                beside, below = os.path.relpath(folder.parent, root), inside[len(inside) - depth :]
                places += [
                    os.path.join(beside, labels, *below, s)
                    for labels in self._label_folders(folder.parent)
                    for s in stems
                ]
        return places

    def _in_label_folder(self, path: Path, root: Path) -> bool:
        if not self._labels:
            return any(part.lower() in LABEL_FOLDERS for part in path.parent.relative_to(root).parts)
        base = Path(os.path.normpath(root / os.path.dirname(self._labels.split(_NAME)[0])))
        return base != root and base.is_relative_to(root) and path.is_relative_to(base)

    def _nothing_found(self, root: Path) -> UserInputError:
        files, _ = _entries(root)
        foreign = Counter(name for path in files if (name := foreign_name(path)))
        what = f"There is no image that fits {self._pattern!r} in this folder"
        if foreign:
            name, count = foreign.most_common(1)[0]
            return UserInputError(f"{what}, but {count} files like {name}.", where=str(root), todo=EXPORT)
        todo = f"Check the folder and the pattern; images end in {', '.join(SUFFIXES)}."
        if not self._recursive and _folders(root):
            todo += " There are sub-folders: let them be searched too, or choose one."
        return UserInputError(f"{what}.", where=str(root), todo=todo)


def _label_folders(folder: Path) -> list[str]:
    return [sub.name for sub in _folders(folder) if sub.name.lower() in LABEL_FOLDERS]


def _refuse_shared(pairs: list[Pair]) -> None:
    owner: dict[Path, Path] = {}
    for pair in pairs:
        if pair.labels is not None and owner.setdefault(pair.labels, pair.image) != pair.image:
            raise UserInputError(
                f"This label image fits two images: {owner[pair.labels]} and {pair.image}.",
                where=str(pair.labels),
                todo="Keep one of them, or say with a pattern which images are meant.",
            )


def _compile(pattern: str) -> re.Pattern[str]:
    parts = [fnmatch.translate(part)[4:-3] for part in pattern.split(_NAME)]  # without (?s: and )\Z
    if len(parts) > 2:
        raise UserInputError(f"{_NAME} may stand once in a pattern, not more often ({pattern!r}).")
    return re.compile("(?P<name>.+)".join(parts) if len(parts) == 2 else parts[0], re.IGNORECASE | re.DOTALL)


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files and sub-folders, both in natural order, without hidden ones."""
    try:
        with os.scandir(folder) as entries:
            shown = [(Path(entry.path), entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError as error:
        raise UserInputError("There is no such folder.", where=str(folder), todo="Check the path.") from error
    except NotADirectoryError as error:
        todo = "Choose the folder that holds it."
        raise UserInputError("This is a file, not a folder.", where=str(folder), todo=todo) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        todo = "Check the permission, the drive and the connection."
        raise UserInputError(f"The folder cannot be read ({reason}).", where=str(folder), todo=todo) from error
    shown.sort(key=lambda entry: _natural(entry[0].name))
    folders = [path for path, is_folder in shown if is_folder and path.suffix.lower() != ".zarr"]
    return [path for path, is_folder in shown if not is_folder], folders


def _folders(folder: Path) -> list[Path]:
    return _entries(folder)[1]


def _by_name(folder: Path) -> dict[str, list[Path]]:
    """Files of images and regions by lower-case name, with and without suffix; nothing if there is no such folder."""
    found: dict[str, list[Path]] = {}
    if folder.is_dir():
        for path in _entries(folder)[0]:
            if path.suffix.lower() in SUFFIXES + DRAWN:
                for key in {path.name.lower(), _stem(path.name).lower()}:
                    found.setdefault(key, []).append(path)
    return found


def _stem(name: str) -> str:
    stem = os.path.splitext(name)[0]
    return stem[:-4] if stem.lower().endswith(".ome") else stem


def _natural(text: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"([0-9]+)", text.lower())  # every second one is a number
    return [(0, int(part), "") if i % 2 else (1, 0, part) for i, part in enumerate(parts)]
