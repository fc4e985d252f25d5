import sys
from pathlib import Path

import pytest

from core.errors import UserInputError
from core.io.pairs import Pair, find_pairs


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def shown(pairs: list[Pair], folder: Path) -> list[tuple[str, str, str | None]]:
    def below(path: Path) -> str:
        return path.relative_to(folder).as_posix()

    return [(p.name, below(p.image), below(p.labels) if p.labels else None) for p in pairs]


@pytest.mark.parametrize("labels", ["labels", "Masks", "ground truth", "gt"])
def test_folders_beside_each_other(tmp_path: Path, labels: str) -> None:
    make(tmp_path, "images/a10.png", "images/a2.png", "images/b.ome.tif", f"{labels}/a2.tif", f"{labels}/b.tif")
    expected = [
        ("a2", "images/a2.png", f"{labels}/a2.tif"),
        ("a10", "images/a10.png", None),
        ("b", "images/b.ome.tif", f"{labels}/b.tif"),
    ]
    assert shown(find_pairs(tmp_path), tmp_path) == expected
    assert shown(find_pairs(tmp_path / "images"), tmp_path) == expected


def test_labels_below_the_images_or_beside_them(tmp_path: Path) -> None:
    make(tmp_path, "a.tif", "a_masks.png", "b.tif", "masks/b_masks.tif", "masks/stray.tif", "c_labels.tif")
    assert shown(find_pairs(tmp_path), tmp_path) == [
        ("a", "a.tif", "a_masks.png"),
        ("b", "b.tif", "masks/b_masks.tif"),
        ("c_labels", "c_labels.tif", None),  # no image c: it may be an image of that name
    ]


def test_sub_folders(tmp_path: Path) -> None:
    make(tmp_path, "train/images/1/x.png", "train/labels/1/x.png", "test/images/x.png", "test/labels/x.png", "y.png")
    assert shown(find_pairs(tmp_path, recursive=True), tmp_path) == [
        ("test/images/x", "test/images/x.png", "test/labels/x.png"),
        ("train/images/1/x", "train/images/1/x.png", "train/labels/1/x.png"),
        ("y", "y.png", None),
    ]
    assert shown(find_pairs(tmp_path), tmp_path) == [("y", "y.png", None)]


@pytest.mark.parametrize(
    ("image_pattern", "labels", "expected"),
    [
        ("*", "{name}_nuclei", [("a_img", "a_img.TIF", None), ("b_img", "b_img.tif", None)]),
        ("{name}_img", "{name}_nuclei", [("a", "a_img.TIF", "a_nuclei.png"), ("b", "b_img.tif", None)]),
        ("{name}_img.tif", "{name}_nuclei.png", [("a", "a_img.TIF", "a_nuclei.png"), ("b", "b_img.tif", None)]),
        ("b*", "truth", [("b_img", "b_img.tif", "truth/b_img.png")]),
        ("b_img", "truth/{name}", [("b_img", "b_img.tif", "truth/b_img.png")]),
        ("[ab]_img", "{name}", [("a_img", "a_img.TIF", None), ("b_img", "b_img.tif", None)]),
    ],
)
def test_patterns(tmp_path: Path, image_pattern: str, labels: str, expected: list[tuple[str, str, str | None]]) -> None:
    make(tmp_path, "a_img.TIF", "b_img.tif", "truth/b_img.png")
    if "nuclei" in labels and image_pattern != "*":
        make(tmp_path, "a_nuclei.png")
    assert shown(find_pairs(tmp_path, image_pattern, labels), tmp_path) == expected


def test_a_full_path_and_sub_folders_in_a_pattern(tmp_path: Path) -> None:
    make(tmp_path, "data/day1/x.png", "data/day2/x.png", "truth/day2/x.tif")
    pairs = find_pairs(tmp_path / "data", labels=str(tmp_path / "truth"), recursive=True)
    assert shown(pairs, tmp_path) == [
        ("day1/x", "data/day1/x.png", None),
        ("day2/x", "data/day2/x.png", "truth/day2/x.tif"),
    ]
    assert find_pairs(tmp_path / "data", labels="../truth/{name}", recursive=True) == pairs


def test_stray_labels_of_a_named_folder_are_no_images(tmp_path: Path) -> None:
    make(tmp_path, "x.png", "truth/x.png", "truth/stray.png")
    assert [pair.name for pair in find_pairs(tmp_path, labels="truth", recursive=True)] == ["x"]


def test_hidden_and_other_files_are_skipped(tmp_path: Path) -> None:
    make(tmp_path, "a.png", ".b.png", "._a.png", "notes.txt", "Thumbs.db", ".hidden/c.png", "d.ome.zarr/e.png")
    assert [pair.name for pair in find_pairs(tmp_path, recursive=True)] == ["a"]


def test_two_labels_for_one_image_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "images/x.png", "labels/x.png", "labels/x.tif")
    with pytest.raises(UserInputError, match=r"x\.png: More than one label.*x\.png.*x\.tif"):
        find_pairs(tmp_path)


def test_one_label_for_two_images_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "images/x.png", "images/x.tif", "labels/x.png")
    with pytest.raises(UserInputError, match="fits two images"):
        find_pairs(tmp_path)


def test_what_cannot_be_found_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserInputError, match="no such folder"):
        find_pairs(tmp_path / "nowhere")
    make(tmp_path, "a.txt", "sub/x.png")
    with pytest.raises(UserInputError, match="a file, not a folder"):
        find_pairs(tmp_path / "a.txt")
    with pytest.raises(UserInputError, match=r"no image that fits '\*'.*\.tif.*There are sub-folders"):
        find_pairs(tmp_path)
    make(tmp_path, "b.czi", "c.czi")
    with pytest.raises(UserInputError, match=r"2 files like a Zeiss CZI file.*OME-TIFF"):
        find_pairs(tmp_path)
    assert [pair.name for pair in find_pairs(tmp_path, "*.czi")] == ["b", "c"]  # to be refused by name when read
    with pytest.raises(UserInputError, match="may stand once"):
        find_pairs(tmp_path, "{name}{name}")

    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(UserInputError, match=r"cannot be read \(Permission denied\)"):
        find_pairs(tmp_path)


def test_many_files_are_found_quickly(tmp_path: Path) -> None:
    for i in range(2000):
        (tmp_path / f"{i}.png").touch()
        (tmp_path / f"{i}_mask.png").touch()
    pairs = find_pairs(tmp_path)
    assert [pair.name for pair in pairs] == [str(i) for i in range(2000)]
    assert all(pair.labels for pair in pairs)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_to_a_folder_above_ends(tmp_path: Path) -> None:
    make(tmp_path, "data/day1/x.png", "elsewhere/y.png")
    (tmp_path / "data" / "day1" / "back").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "day2").symlink_to(tmp_path / "elsewhere")
    assert [pair.name for pair in find_pairs(tmp_path / "data", recursive=True)] == ["day1/x", "day2/y"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    make(tmp_path, "a/x.png", "b/y.png")
    (tmp_path / "a" / "b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "a").symlink_to(tmp_path / "a")
    assert [pair.name for pair in find_pairs(tmp_path, recursive=True)] == ["a/b/y", "a/x", "b/a/x", "b/y"]
