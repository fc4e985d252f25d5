"""Fields are composed as the study says; its tables and its draws do what they say."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from studies.nmj import report
from studies.nmj import run as study
from studies.nmj.data import APART, GAP, PIXEL, Field, Junction, compose, junction, load

from core.image import Labels
from core.measurement.fragments import group_fragments


def photograph(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A junction of two plaques, 2 µm apart, on uneven background: pixels of 0.1 µm, uint16, and its mask."""
    mask = np.zeros((200, 200), bool)
    mask[60:100, 50 : 90 + 5 * number] = mask[120:140, 60:150] = True
    slope = np.linspace(0, 100, 200)
    return (100 + slope + 1000 * mask).astype(np.uint16), mask


def junctions(count: int) -> list[Junction]:
    return [junction(f"Pig_1_S_{number:03}", *photograph(number), 0.1) for number in range(count)]


def field(seed: int = 0) -> Field:
    return compose(junctions(5), junctions(2), 256, (seed,))


def test_a_junction_is_resampled() -> None:
    one = junctions(1)[0]
    assert (one.name, one.animal) == ("Pig_1_S_000", "Pig_1")
    assert one.mask.shape == one.pixels.shape == one.background.shape == (50, 50)
    assert one.mask.sum() * PIXEL**2 == pytest.approx((40 * 40 + 20 * 90) * 0.1**2, rel=0.1)
    assert np.median(one.pixels[one.mask]) == pytest.approx(1, abs=0.05)
    assert one.background.max() < 0.1, "the junction is not in its background"


def test_it_is_known_where_junctions_are() -> None:
    one = field()
    assert [name for name, _, _ in one.places] == [f"Pig_1_S_{number:03}" for number in range(5)]
    boxes = ndimage.find_objects(one.labels)
    for (_, y, x), box in zip(one.places, boxes, strict=True):
        assert abs((box[0].start + box[0].stop) / 2 - y) <= 1
        assert abs((box[1].start + box[1].stop) / 2 - x) <= 1
    drawn = np.bincount(one.labels.ravel())[1:]
    assert drawn.tolist() == [int(each.mask.sum()) for each in junctions(5)], "each is there whole, none on another"
    assert one.image.array[one.labels > 0].mean() > 2 * one.image.array[one.labels == 0].mean()


@pytest.mark.parametrize("seed", range(3))
def test_junctions_are_apart(seed: int) -> None:
    labels = field(seed).labels
    for number in range(1, 6):
        away = ndimage.distance_transform_edt(labels != number) * PIXEL
        assert away[(labels > 0) & (labels != number)].min() > APART


def test_a_field_is_counted_once_its_fragments_are_grouped() -> None:
    one = field()
    fragments: Labels = ndimage.label(one.labels > 0)[0].astype(np.int32)
    grouping = group_fragments(one.image.with_array(fragments, "YX", "labels"), GAP)
    assert (grouping.before, grouping.after) == (10, 5)


def test_the_same_seed_gives_the_same_field() -> None:
    first, again, other = field(1), field(1), field(2)
    assert np.array_equal(first.image.array, again.image.array)
    assert first.places == again.places
    assert not np.array_equal(first.labels, other.labels)


def test_too_many_do_not_fit() -> None:
    with pytest.raises(ValueError, match="5 junctions do not fit a field of 64 pixels"):
        compose(junctions(5), junctions(1), 64, (0,))


def test_noise_is_the_same_at_seams() -> None:
    """Photons: the variance of the number is the number, on the background between pieces as within them."""
    one = junctions(1)[0]
    flat = Junction(one.name, one.animal, one.pixels, one.mask, np.full((50, 50), 0.4, np.float32))
    photons = (compose([], [flat], 256, (0,)).image.array.astype(float) - 100) / 20
    assert photons.mean() == pytest.approx(10, rel=0.02)
    assert photons.var() == pytest.approx(10, rel=0.05)
    assert np.abs(photons.mean(axis=0) - 10).max() < 5 * math.sqrt(10 / 256)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set of 20 junctions of one animal and 7 of another."""
    names = [f"Pig_1_S_{number:03}" for number in range(20)] + [f"Pig_2_PL_{number:03}" for number in range(7)]
    for part in ("images", "masks_achr"):
        (tmp_path / part).mkdir()
    with (tmp_path / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "pixel_um"])
        for number, name in enumerate(names):
            image, mask = photograph(number % 4)
            tifffile.imwrite(tmp_path / "images" / f"{name}.tif", np.stack([image * 0, image]))
            tifffile.imwrite(tmp_path / "masks_achr" / f"{name}.tif", mask.astype(np.uint8) * 255)
            writer.writerow([name, 0.1])
    return tmp_path


def test_more_labels_are_those_of_before_and_more(folder: Path) -> None:
    assert {animal: len(every) for animal, every in load(folder).items()} == {"Pig_1": 20, "Pig_2": 7}
    few, many, whole = (
        study.labelled(folder, 2, 0),
        study.labelled(folder, 16, 0),
        study.labelled(folder, 2, 0, whole=True),
    )
    assert all(np.array_equal(a.image.array, b.image.array) for a, b in zip(few, many, strict=False))
    assert len({example.image.array.tobytes() for example in many}) == 16
    assert all(example.labels.shape == (64, 64) and example.labels.any() for example in many)
    for part, one in zip(few, whole, strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(one.image.array, (64, 64))
        assert one.image.array.shape == (128, 128)
        assert (windows == part.image.array).all(axis=(2, 3)).sum() == 1, "a window is a part of its image"
    assert not np.array_equal(study.labelled(folder, 2, 1)[0].image.array, few[0].image.array)


def test_tasks_begin_with_what_matters_most() -> None:
    every = study.tasks()
    assert len(every) == len(set(every))
    assert {task[:4] for task in every[:80]} == {(start, "all", "window", n) for start in study.STARTS for n in (4, 8)}
    assert {task[4] for task in every[:80]} == set(range(10))
    assert not [task for task in every if task[0] == "scratch" and task[1] != "all"], "what stays random is no feature"


def test_gains_are_paired_by_seed() -> None:
    def rows(*values: float) -> dict[int, dict[str, str]]:
        return {seed: {"ap50": str(value)} for seed, value in enumerate(values)}

    runs = {
        ("magnification", "all", "window", 4): rows(0.5, 0.9),
        ("scratch", "all", "window", 4): rows(0.4, 0.7, 0.1),
    }
    gains = report.gained(runs, ("magnification", "all", "window"), 4, "ap50")
    assert gains == pytest.approx([0.1, 0.2])
    assert report.half_width(gains) == pytest.approx(12.706 * 0.05, rel=1e-3)
    assert report.interval([0.5]) == "0.500 (1)"


def test_the_table_of_heads_has_a_row_for_every_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = {"foreground": 1, "stardist": 3}
    rows = "head,start,labels,seed,ap50,count_error_field\n"
    rows += "".join(
        f"{head},scratch,4,{seed},0.{seed + digit},0.25\n" for head, digit in digits.items() for seed in (1, 2)
    )
    (tmp_path / "heads.csv").write_text(rows)
    of_distance = "start,learning,shown,labels,seed,ap50,count_error_field\nscratch,all,window,4,0,0.7,0.1\n"
    (tmp_path / "rows.csv").write_text(of_distance)
    monkeypatch.setattr(report, "OTHER_HEADS", tmp_path / "heads.csv")
    text = "\n".join(report.heads(report.read(tmp_path / "rows.csv", "window")))
    for title, mean in (("Distance", "0.700 (1)"), ("Foreground", "0.250"), ("Stardist", "0.450")):
        part = text.split(f"**{title}**")[1].split("**")[0]
        assert f"| scratch | all |  | {mean}" in part
