"""The baseline has the size of the thesis's network; draws and tables of the study do what they say."""

import math
from pathlib import Path

import numpy as np
import pytest
from studies.transfer import report
from studies.transfer.report import difference, interval, label_equivalent
from studies.transfer.run import COLUMNS, draw
from studies.transfer.thesis import EDGE, THRESHOLDS, ThesisHead, ThesisUNet, thesis_config

from core.heads import HEADS, HeadConfig, make_head
from core.heads.stardist import StarDistHead
from core.image import Image, Labels
from core.model import ModelConfig, SegmentationModel
from core.networks import NETWORKS, NetworkConfig
from core.training.config import ScheduleConfig
from core.training.data import Example


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The baseline is known during a test, and not to the tests of the menus."""
    monkeypatch.setitem(NETWORKS, "thesis_unet", ThesisUNet)
    monkeypatch.setitem(HEADS, "thesis", ThesisHead)


PRINTED = {"thesis_unet": 1_245_393, "unet": 1_406_689}
"""Parameters with a StarDist head of 32 rays, of the thesis's U-Net and of csbdeep's, which ours is."""


@pytest.mark.parametrize(("network", "count"), PRINTED.items())
def test_networks_have_as_many_weights_as_theirs(network: str, count: int) -> None:
    config = ModelConfig(network=NetworkConfig(name=network, grid=1, norm="none"), head=HeadConfig())
    assert sum(weight.numel() for weight in SegmentationModel(config).parameters()) == count


def disc() -> Labels:
    rows, columns = np.mgrid[:40, :40]
    labels: Labels = (np.hypot(rows - 20, columns - 20) <= 10).astype(np.int32)
    return labels


def test_the_baseline_overshoots_the_boundary() -> None:
    config = thesis_config(ScheduleConfig()).head
    ours, theirs = make_head(HeadConfig(), 4), make_head(config, 4)
    assert isinstance(theirs, StarDistHead)
    exact, longer = ours.targets(disc(), 1), theirs.targets(disc(), 1)
    assert longer[1:, 20, 20] == pytest.approx(exact[1:, 20, 20] + 0.5)
    assert np.array_equal(longer[0], exact[0])
    found = theirs.decode(longer, (40, 40), 1, {}).labels
    assert (found > 0).sum() > 1.05 * disc().sum()
    assert theirs.threshold_grid() == {name: (value,) for name, value in THRESHOLDS.items()}


def test_the_baseline_takes_nothing_from_the_edge() -> None:
    head = make_head(thesis_config(ScheduleConfig()).head, 4)
    maps = np.zeros((33, 20, 20), np.float32)
    maps[1:] = 5
    maps[0, EDGE - 1, 10] = 0.9
    assert head.decode(maps, (20, 20), 1, {}).labels.max() == 0
    maps[0, EDGE, 10] = 0.9
    assert head.decode(maps, (20, 20), 1, {}).labels.max() == 1


def test_draws() -> None:
    image = Image(np.zeros((4, 4)), "YX")
    pool = [Example(str(i), image, np.zeros((4, 4), np.int32)) for i in range(9)]
    assert draw(pool, 3, 0) == pool[:3]
    assert draw(pool, 0, 2) == pool
    first, again, second = (draw(pool, 3, number) for number in (1, 1, 2))
    assert first == again != second
    assert len({e.name for e in first}) == 3


def test_intervals_and_differences() -> None:
    assert interval([0.5, 0.5, 0.5]) == "0.500 ± 0.000"
    assert interval([0.4, 0.6]) == f"0.500 ± {12.706 * 0.1:.3f}"
    rows = {
        ("t", start, 5): {(d, 0): {"ap_dsb2018": str(v)} for d, v in enumerate(scores)}
        for start, scores in (("random", (0.1, 0.2, 0.3)), ("nuclei", (0.3, 0.4, 0.6)))
    }
    assert difference(rows, "t", "nuclei", 5).startswith("+0.233 (p 0.02, n 3)")


def test_label_equivalents() -> None:
    curve = {1: 0.1, 10: 0.3, 100: 0.5}
    assert label_equivalent(curve, 0.4) == f"{math.sqrt(1000):.0f}"
    assert label_equivalent(curve, 0.6) == "> 100"
    assert label_equivalent(curve, 0.05) == "< 1"


def test_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Means over draws beside what the thesis printed, a retraining below its start, the same images trained longer."""
    rows = [
        ("dsb2018", "random", 5, 0, 0, 400, 9, 0.3, 0.5, 0.1, "", "", 60, "CPU"),
        ("dsb2018", "random", 5, 1, 0, 400, 9, 0.2, 0.4, 0.3, "", "", 60, "CPU"),
        ("dsb2018", "random", 5, 0, 0, 1600, 9, 0.4, 0.6, 0.1, "", "", 240, "CPU"),
        ("dsb2018", "simulated", 5, 0, 0, 400, 9, 0.6, 0.8, 0.1, 0.5, 1, 90, "CPU"),
        ("dsb2018", "simulated", 5, 1, 0, 400, 9, 0.4, 0.7, 0.1, 0.5, 0.5, 90, "CPU"),
    ]
    lines = [",".join(map(str, row)) for row in (COLUMNS, *rows)]
    (tmp_path / "results.csv").write_text("\n".join(lines))
    monkeypatch.setattr(report, "HERE", tmp_path)
    report.main()
    page = (tmp_path / "RESULTS.md").read_text().splitlines()
    assert f"| random | 0.250 ± {12.706 * 0.05:.3f} |" in page
    assert "| *printed in the thesis: simulated (Res-U-Net)* | 0.326 |" in page
    (of_simulated,) = (line for line in page if line.startswith("| simulated | 5 |"))
    assert "| 0.750 | 10.0% | +0.250 (p 0.13, n 2) | > 5 | 0.500 | 1 of 2 | 0.75 |" in of_simulated
    assert "| dsb2018 | 5 | random | 0.300 (1.0) | 0.400 (4.0) |" in page
