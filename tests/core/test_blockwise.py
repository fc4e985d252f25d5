"""A large image, segmented piece by piece, whatever happens meanwhile."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from tests.core.test_windows import assert_same_objects

from core.blockwise import work
from core.blockwise.config import BlockwiseConfig
from core.blockwise.lock import locked
from core.blockwise.plan import Plan
from core.blockwise.schedule import Cluster, ClusterConfig, hired
from core.blockwise.segment import Segmented, segment_large
from core.blockwise.shown import shown
from core.blockwise.store import Store
from core.errors import Canceled, ImageReadError, OutputError, UserInputError
from core.heads import HeadConfig, base
from core.image import Image, Labels
from core.inference import engines
from core.inference.predict import Predictor
from core.io.ome_zarr import open_levels
from core.io.read import read_image
from core.measurement.objects import measure
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.normalization import NormalizationConfig, limits
from core.pretrained import load
from core.progress import Progress

SAMPLES = Path(__file__).parents[2] / "workflows/01_Train_and_count_nuclei/data/test"


@pytest.fixture(scope="module")
def model() -> SegmentationModel:
    return load("nuclei-fluorescence").eval()


@pytest.fixture(scope="module")
def mosaic() -> NDArray[np.uint8]:
    """Real fields of nuclei side by side, each turned about."""
    pictures = [read_image(path).cyx()[0][:256, :256] for path in sorted((SAMPLES / "images").iterdir())[:6]]
    turned = [np.rot90(picture, i) for i, picture in enumerate(pictures)]
    return np.ascontiguousarray(np.block([turned[:3], turned[3:]]).astype(np.uint8))


def saved(folder: Path, pixels: NDArray[Any], **options: Any) -> Path:
    path = folder / "mosaic.tif"
    tifffile.imwrite(path, pixels, tile=(128, 128), photometric="minisblack", **options)
    return path


def labels_of(result: Segmented) -> Labels:
    return np.asarray(open_levels(result.labels)[0][:], np.int32)


SMALL = BlockwiseConfig(tile=160)


@pytest.fixture(scope="module")
def usual(model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Segmented:
    folder = tmp_path_factory.mktemp("usual")
    return segment_large(saved(folder, mosaic), model, folder / "out", SMALL)


@pytest.fixture(scope="module")
def whole(model: SegmentationModel, mosaic: NDArray[np.uint8]) -> Labels:
    return Predictor(model).predict(Image(mosaic, "YX")).labels.array


def test_the_objects_are_those_of_the_whole(usual: Segmented, whole: Labels) -> None:
    found = labels_of(usual)
    assert len(usual.plan.tiles) == 20
    assert_same_objects(found, whole)
    assert usual.count == whole.max() > 60
    assert sorted(np.unique(found)) == list(range(usual.count + 1)), "numbers have no gaps"
    assert usual.area == (whole > 0).sum()
    assert not usual.warnings


def test_a_plan_of_before_channels_had_an_order_is_gone_on_with(usual: Segmented) -> None:
    older = {name: value for name, value in usual.plan.to_dict().items() if name != "order"}
    assert Plan.from_dict(older) == usual.plan


def test_measures_are_those_of_the_whole(usual: Segmented, mosaic: NDArray[np.uint8]) -> None:
    expected = measure(Image(labels_of(usual), "YX", kind="labels"), Image(mosaic, "YX"))
    parts = list(usual.objects())
    for name, values in expected.items():
        found = np.concatenate([part[name] for part in parts])
        np.testing.assert_allclose(found.astype(float), values.astype(float), rtol=1e-9, err_msg=name)


def test_every_level_is_every_second_pixel_of_the_one_before(usual: Segmented) -> None:
    levels = [np.asarray(level[:]) for level in open_levels(usual.labels)]
    assert len(levels) > 1
    for fine, coarse in pairwise(levels):
        assert np.array_equal(coarse, fine[::2, ::2])


def test_the_percentiles_are_those_of_the_whole(usual: Segmented, mosaic: NDArray[np.uint8]) -> None:
    assert np.array_equal(usual.plan.between, limits(mosaic[None], NormalizationConfig()))


@pytest.mark.parametrize(
    ("shape", "tile", "reach", "scale"),
    [((512, 768), 400, 0, 1.0), ((300, 301), 64, 16, 1.0), ((65, 700), 96, 40, 1.0), ((300, 400), 128, 0, 1.3),
     ((400, 350), 100, 30, 0.7)],
)  # fmt: skip
def test_neither_tiles_nor_overlap_nor_scale_change_the_objects(
    model: SegmentationModel,
    mosaic: NDArray[np.uint8],
    tmp_path: Path,
    shape: tuple[int, int],
    tile: int,
    reach: int,
    scale: float,
) -> None:
    part = mosaic[: shape[0], : shape[1]]
    scaled = SegmentationModel(replace(model.config, scale=scale))
    scaled.load_state_dict(model.state_dict())
    result = segment_large(saved(tmp_path, part), scaled, tmp_path / "out", BlockwiseConfig(tile=tile, reach=reach))
    assert_same_objects(labels_of(result), Predictor(scaled.eval()).predict(Image(part, "YX")).labels.array)


@pytest.mark.parametrize(("name", "more"), [("foreground", {}), ("distance", {"separation": 0.003})])
def test_an_untrained_network_on_two_channels(tmp_path: Path, name: str, more: dict[str, float]) -> None:
    """Its objects are of any size and shape; some go through many tiles."""
    network = NetworkConfig(in_channels=2, base=4, depth=2, grid=1, norm="none")
    torch.manual_seed(1)
    one = SegmentationModel(ModelConfig(network=network, head=HeadConfig(name=name))).eval()
    rng = np.random.default_rng(0)
    coarse = rng.random((2, 12, 14))
    pixels = np.kron(coarse, np.ones((1, 25, 25))).astype(np.float32) + rng.normal(0, 0.05, (2, 300, 350)).astype("f4")
    probability = Predictor(one, engine="torch").maps(pixels)[0]
    thresholds = {"prob": float(np.quantile(probability, 0.55)), **more}
    path = tmp_path / "two.tif"
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": "CYX"}, photometric="minisblack")
    config = BlockwiseConfig(tile=64, thresholds=thresholds)
    result = segment_large(path, one, tmp_path / "out", config)
    expected = Predictor(one).predict(Image(pixels, "CYX"), thresholds)
    assert_same_objects(labels_of(result), expected.labels.array)
    assert len(expected.scores) > 10
    assert {"mean_intensity_1", "mean_intensity_2"} <= set(next(result.objects()))


@pytest.fixture(scope="module")
def bright_disc() -> NDArray[np.uint8]:
    y, x = np.mgrid[:300, :300]
    pixels: NDArray[np.uint8] = (200 * np.exp(-((((y - 150) ** 2 + (x - 150) ** 2) / 60**2) ** 4))).astype(np.uint8)
    pixels[20:40, 20:40] = pixels[250:270, 30:52] = 180
    return pixels


@pytest.fixture(scope="module")
def shrinking(model: SegmentationModel) -> SegmentationModel:
    """The model for objects eight times as large."""
    shrinking = SegmentationModel(replace(model.config, scale=1 / 8))
    shrinking.load_state_dict(model.state_dict())
    return shrinking.eval()


NARROW = BlockwiseConfig(tile=64, reach=6)


def test_a_larger_object_than_expected_is_found_whole(
    shrinking: SegmentationModel, bright_disc: NDArray[np.uint8], tmp_path: Path
) -> None:
    """Polygons that reach across four tiles, which were thought to be of 6 pixels."""
    result = segment_large(saved(tmp_path, bright_disc), shrinking, tmp_path / "out", NARROW)
    expected = Predictor(shrinking).predict(Image(bright_disc, "YX")).labels.array
    assert np.bincount(expected.ravel())[1:].max() > 5000
    assert_same_objects(labels_of(result), expected)


def test_the_same_if_it_is_killed_at_any_record(
    model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects larger than expected, so that tiles are looked at and decided again; two kills, at different records."""
    path, config = saved(tmp_path, mosaic[:256, :300]), BlockwiseConfig(tile=100, reach=4)
    expected = Predictor(model).predict(Image(mosaic[:256, :300], "YX")).labels.array
    save, drop, left = Store.save, Store.drop, [0]

    def step() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Interrupted

    def saving(self: Store, kind: str, number: int, record: Any) -> None:
        save(self, kind, number, record)
        step()

    def dropping(self: Store, kind: str, number: int) -> None:
        drop(self, kind, number)
        step()

    monkeypatch.setattr(Store, "save", saving)
    monkeypatch.setattr(Store, "drop", dropping)
    for moment in range(3, 40, 9):
        out = tmp_path / str(moment)
        for again in (moment, moment // 2 + 1):
            left[0] = again
            with suppress(Interrupted):
                segment_large(path, model, out, config)
        left[0] = 0
        assert_same_objects(labels_of(segment_large(path, model, out, config)), expected)


@pytest.mark.parametrize("name", ["foreground", "distance"])
def test_an_object_too_large_to_be_seen_whole_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    network = NetworkConfig(base=4, depth=1, grid=1, norm="none")
    one = SegmentationModel(ModelConfig(network=network, head=HeadConfig(name=name))).eval()
    with torch.no_grad():
        for weights in one.parameters():
            weights.zero_()
    monkeypatch.setattr(base, "LARGEST", 32)
    pixels = np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8)
    config = BlockwiseConfig(tile=64, thresholds={"prob": 0.2}, skip_background=False)
    result = segment_large(saved(tmp_path, pixels), one, tmp_path / "out", config)
    assert (labels_of(result) > 0).all()
    (warning,) = result.warnings
    assert "too large to be seen whole" in warning
    assert "x 0, y 0" in warning


def test_empty_background_is_skipped(model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path: Path) -> None:
    pixels = np.full((512, 1024), 7, np.uint8)
    pixels[:256, :256] = mosaic[:256, :256]
    runs = []
    original = engines.core_maps

    def counted(*arguments: Any) -> Any:
        runs.append(1)
        return original(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "core_maps", counted)
        path = saved(tmp_path, pixels)
        with_all = segment_large(path, model, tmp_path / "all", BlockwiseConfig(tile=128, skip_background=False))
        every = len(runs)
        skipping = segment_large(path, model, tmp_path / "skipping", BlockwiseConfig(tile=128))
    assert every == 32
    assert len(runs) - every < 16
    assert_same_objects(labels_of(skipping), labels_of(with_all))


def test_the_level_fits_the_model(model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "pyramid.ome.tif"
    sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.25, "PhysicalSizeYUnit": "µm"}
    with tifffile.TiffWriter(path, ome=True) as writer:
        fine = np.kron(mosaic, np.ones((2, 2), np.uint8))
        writer.write(fine, subifds=1, tile=(128, 128), metadata={"axes": "YX", **sizes}, photometric="minisblack")
        writer.write(mosaic, subfiletype=1, tile=(128, 128), photometric="minisblack")
    known = model.copy().eval().with_config(pixel_size=0.5)
    result = segment_large(path, known, tmp_path / "out", SMALL)
    assert (result.plan.level, result.plan.height, result.plan.pixel_size) == (1, 512, (0.5, 0.5))
    table = next(result.objects())
    assert np.array_equal(np.asarray(table["area_um2"], float), np.asarray(table["area_px"], float) / 4)
    forced = segment_large(path, known, tmp_path / "forced", replace(SMALL, level=0, tile=512))
    assert forced.plan.height == 1024


class Interrupted(Exception):
    pass


def interrupting(after: int, error: Exception) -> Progress:
    """Progress that fails at a moment."""
    count = iter(range(10**9))

    def check() -> bool:
        if next(count) >= after:
            raise error
        return False

    return Progress(is_canceled=check)


def pieces_done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of pieces of work that are not only looked up, from now on."""
    done: list[str] = []
    save = Store.save

    def noted(self: Any, kind: str, number: int, record: Any) -> None:
        done.append(f"{kind} {number}")
        save(self, kind, number, record)

    monkeypatch.setattr(Store, "save", noted)
    return done


@pytest.mark.parametrize("after", [14, 18, 24])
def test_a_cancelled_run_goes_on(
    model: SegmentationModel,
    mosaic: NDArray[np.uint8],
    usual: Segmented,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    path, done = saved(tmp_path, mosaic), pieces_done(monkeypatch)
    with pytest.raises(Canceled):
        segment_large(path, model, tmp_path / "out", SMALL, progress=interrupting(after, Canceled()))
    before = len(done)
    result = segment_large(path, model, tmp_path / "out", SMALL)
    assert 0 < before < len(done)
    assert len(set(done)) == len(done), "nothing was done twice"
    assert np.array_equal(labels_of(result), labels_of(usual))
    for first, second in zip(result.objects(), usual.objects(), strict=True):
        assert all(np.array_equal(first[name], second[name], equal_nan=True) for name in first)


def test_complete_results_are_taken_as_they_are(
    model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, mosaic[:300, :300])
    first = segment_large(path, model, tmp_path / "out", SMALL)
    first.finish()
    assert not (tmp_path / "out" / "unfinished").exists()
    done = pieces_done(monkeypatch)
    second = segment_large(path, model, tmp_path / "out", SMALL)
    assert second.complete
    assert (second.count, second.area) == (first.count, first.area)
    assert json.dumps(second.plan.to_dict()) == json.dumps(first.plan.to_dict())
    assert not done


@pytest.mark.parametrize("change", ["image", "model", "settings"])
def test_other_results_are_not_overwritten(
    model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path: Path, change: str
) -> None:
    part = mosaic[:200, :200]
    segment_large(saved(tmp_path, part), model, tmp_path / "out", SMALL).finish()
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    if change == "image":
        saved(tmp_path, part.T.copy())
    other = load("nuclei-all").eval() if change == "model" else model
    config = replace(SMALL, thresholds={"prob": 0.7}) if change == "settings" else SMALL
    with pytest.raises(OutputError, match=f"holds results of (another|other) {change}.*; nothing was changed"):
        segment_large(tmp_path / "mosaic.tif", other, tmp_path / "out", config)
    assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}


@pytest.mark.parametrize(("name", "content"), [("holiday.jpg", "x"), ("run.json", "{"), ("run.json", "[]")])
def test_a_folder_of_other_files_is_not_touched(
    model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text(content)
    with pytest.raises(OutputError, match=r"no results of this kind|a damaged run\.json"):
        segment_large(saved(tmp_path, mosaic[:100, :100]), model, tmp_path / "out", SMALL)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


def test_a_damaged_tile_is_named_or_left_out(
    model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = saved(tmp_path, mosaic, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages.first.dataoffsets[7], tif.pages.first.databytecounts[7]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * count)
    with pytest.raises(ImageReadError, match=r"mosaic.tif: .*tile in row 1, column 1 \(pixels Y 128 to 255, X 128 to"):
        segment_large(path, model, tmp_path / "out", SMALL)
    result = segment_large(path, model, tmp_path / "zero", replace(SMALL, damaged="zero"))
    (warning,) = result.warnings
    assert "row 1, column 1" in warning
    found = labels_of(result)
    assert not found[160:220, 160:220].any()
    assert found.max() > 40


def test_no_space_is_said_in_words(
    model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, save, count = saved(tmp_path, mosaic[:200, :200]), np.savez, iter(range(99))

    def full(*arguments: Any, **more: Any) -> None:
        if next(count) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(OutputError, match=r"the disk is full\. Free some space"):
            segment_large(path, model, tmp_path / "out", SMALL)
    assert segment_large(path, model, tmp_path / "out", SMALL).count > 5


def test_settings_that_do_not_fit(model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path: Path) -> None:
    path = saved(tmp_path, mosaic[:100, :100])

    def refused(config: BlockwiseConfig, path: Path = path) -> str:
        with pytest.raises(UserInputError) as caught:
            segment_large(path, model, tmp_path / "out", config)
        return str(caught.value)

    assert "level is 1, it must be 0 to 0" in refused(BlockwiseConfig(level=1))
    assert "threshold is 'size', it must be one of prob, nms" in refused(BlockwiseConfig(thresholds={"size": 1.0}))
    assert "There is no such file" in refused(SMALL, tmp_path / "nothing.tif")
    colour = tmp_path / "colour.tif"
    tifffile.imwrite(colour, np.zeros((64, 64, 3), np.uint8), photometric="rgb")
    assert "colour.tif: The image has 3 channels, the model was trained on 1" in refused(SMALL, colour)
    assert not (tmp_path / "out" / "labels.ome.zarr").exists()
    assert segment_large(path, model, tmp_path / "other").count >= 0


def test_a_scheduler_that_is_not_there(model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path: Path) -> None:
    path = saved(tmp_path, mosaic[:200, :200])
    nobody = ClusterConfig(address="tcp://127.0.0.1:9", patience=1)
    begin = time.monotonic()
    with pytest.raises(UserInputError, match=r"scheduler at 'tcp://127.0.0.1:9' cannot be reached.*dask scheduler"):
        segment_large(path, model, tmp_path / "out", SMALL, nobody)
    assert time.monotonic() - begin < 20
    result = segment_large(path, model, tmp_path / "out", SMALL, replace(nobody, fall_back=True))
    assert "The work was done by this computer" in result.warnings[0]
    assert result.count > 5
    with pytest.raises(UserInputError, match="cannot be reached"):
        segment_large(path, model, tmp_path / "no", SMALL, ClusterConfig(address="nonsense", patience=1))


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Kills a worker of a run as soon as some tiles are recorded."""
    import threading

    threads: list[threading.Thread] = []

    def start(out: Path) -> None:
        def watch() -> None:
            until = time.monotonic() + 60
            while time.monotonic() < until and len(list(out.glob("unfinished/*/find/*.npz"))) < 3:
                time.sleep(0.05)
            for child in psutil.Process().children(recursive=True):
                if "spawn_main" in " ".join(child.cmdline()):
                    child.send_signal(signal.SIGKILL)
                    return

        threads.append(threading.Thread(target=watch))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


def test_worker_processes_one_of_which_dies(
    model: SegmentationModel,
    mosaic: NDArray[np.uint8],
    usual: Segmented,
    tmp_path: Path,
    killing: Callable[[Path], None],
) -> None:
    killing(tmp_path / "out")
    result = segment_large(saved(tmp_path, mosaic), model, tmp_path / "out", SMALL, ClusterConfig(workers=2))
    assert np.array_equal(labels_of(result), labels_of(usual))


def test_a_cluster_that_is_running(
    model: SegmentationModel, mosaic: NDArray[np.uint8], usual: Segmented, tmp_path: Path
) -> None:
    with hired(ClusterConfig(workers=1), pytest.fail) as workers:
        assert isinstance(workers, Cluster)
        result = segment_large(
            saved(tmp_path, mosaic), model, tmp_path / "out", SMALL, ClusterConfig(address=workers.address)
        )
    assert np.array_equal(labels_of(result), labels_of(usual))


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    out, lock = tmp_path / "out", tmp_path / "out" / "running.lock"
    busy = "Another run is writing its results here"
    with locked(out), pytest.raises(OutputError, match=busy), locked(out):
        pass
    assert not out.exists(), "nothing was written"
    out.mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    lock.write_text(json.dumps({"host": socket.gethostname(), "process": dead.pid}))
    with locked(out):
        assert json.loads(lock.read_text())["process"] == os.getpid()
    assert not lock.exists()
    lock.write_text("")  # another run is just writing it
    with pytest.raises(OutputError, match=busy), locked(out):
        pass
    os.utime(lock, (0, 0))
    with locked(out):
        pass
    assert not lock.exists()


def test_an_image_that_was_moved(
    model: SegmentationModel, mosaic: NDArray[np.uint8], usual: Segmented, tmp_path: Path
) -> None:
    path = saved(tmp_path, mosaic)
    with pytest.raises(Canceled):
        segment_large(path, model, tmp_path / "out", SMALL, progress=interrupting(18, Canceled()))
    moved = path.rename(tmp_path / "moved.tif")
    assert np.array_equal(labels_of(segment_large(moved, model, tmp_path / "out", SMALL)), labels_of(usual))


def test_pixels_that_are_no_numbers(model: SegmentationModel, mosaic: NDArray[np.uint8], tmp_path: Path) -> None:
    pixels = mosaic[:200, :200].astype(np.float32)
    pixels[50:60, 50:60] = np.nan
    with pytest.raises(UserInputError, match="pixels that are not a number"):
        segment_large(saved(tmp_path, pixels), model, tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()


def test_pictures_of_a_result(usual: Segmented, mosaic: NDArray[np.uint8]) -> None:
    with shown(usual) as look:
        full = look.picture(1, slice(10, 60), slice(20, 90))
        np.testing.assert_array_equal(np.argsort(full.ravel(), kind="stable")[-1], mosaic[10:60, 20:90].argmax())
        for factor in (1, 2, 4, 8, 16):
            rows, columns = slice(0, 512 // factor), slice(0, 768 // factor)
            assert look.picture(factor, rows, columns).shape == look.labels(factor, rows, columns).shape
        np.testing.assert_array_equal(
            look.labels(4, slice(3, 50), slice(7, 80)), labels_of(usual)[::4, ::4][3:50, 7:80]
        )
        assert look.overview(200).shape == (128, 192, 3)


def test_the_record_of_a_run_is_readable(usual: Segmented) -> None:
    written = json.loads((usual.folder / "run.json").read_text())
    assert set(written["identity"]) == {"image", "model", "settings", "format"}
    assert written["summary"] is None
    assert (usual.folder / "unfinished" / written["name"] / "plan.json").exists()
