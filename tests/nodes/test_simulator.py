from typing import Any

import numpy as np
import pytest

from core.simulation.camera import LIGHTS
from core.simulation.config import SimulationConfig
from core.simulation.kinds import KINDS
from core.simulation.simulate import simulate
from core.tensor_cell import decode

SMALL: dict[str, Any] = {"images": 2, "width": 96, "height": 80}
MANUAL: dict[str, Any] = {"measures": "MANUAL", "smallest": 10.0, "largest": 20.0, "fewest": 4, "most": 6}


def simulated(session: Any, **settings: Any) -> Any:
    node = session.node("NucleiSimulator").set(**{**SMALL, **settings})
    (schema,) = node.configure()
    result = node.execute()
    assert result[0].schema == schema
    return result


def tensors(result: Any, column: str) -> list[Any]:
    return [decode(cell) for cell in result[0].column_values(column)]


def test_menus_are_the_library(session: Any) -> None:
    from nodes.simulator import USUAL_SIZES, Kind, Level

    assert {option.name.lower(): option.value[0] for option in Kind} == {k: kind.name for k, kind in KINDS.items()}
    assert [option.name.lower() for option in Level] == list(LIGHTS)
    for option in Level:
        assert f"{LIGHTS[option.name.lower()].peak:g} electrons" in option.value[1]
    for kind in KINDS.values():
        assert f"{kind.diameter[0]:g} to {kind.diameter[1]:g}" in USUAL_SIZES


def test_defaults_are_those_of_the_library(session: Any) -> None:
    settings, library = session.node("NucleiSimulator").settings["model"], SimulationConfig()
    for name in ("width", "height", "pixel_size", "seed"):
        assert settings[name] == getattr(library, name), name
    for name in ("blur", "haze", "unevenness"):
        assert settings["microscope"][name] == getattr(library, name), name
    assert settings["kind"].lower() == library.kind


def test_one_row_per_image(session: Any) -> None:
    result = simulated(session)
    frame = result[0].to_pandas()
    assert list(frame.index) == ["hl60_seed0_0001_medium_light", "hl60_seed0_0002_medium_light"]
    assert list(frame["Name"]) == list(frame.index)
    assert list(frame["Phantom"]) == ["hl60_seed0_0001", "hl60_seed0_0002"]
    assert list(frame["Kind"]) == ["HL60-like nuclei"] * 2
    assert list(frame["Light"]) == ["medium light"] * 2
    assert frame[["Width", "Height", "Channels", "Pixel size (µm)"]].iloc[0].tolist() == [96, 80, 1, 0.124]
    assert result[0].batch_lengths() == [1, 1]
    images, labels = tensors(result, "Image"), tensors(result, "Labels")
    for i in range(2):
        image, truth = simulate(SimulationConfig(width=96, height=80), i + 1)
        assert np.array_equal(images[i].array, image.array)
        assert np.array_equal(labels[i].array, truth.array)
        assert images[i].pixel_size == labels[i].pixel_size == {"Y": 0.124, "X": 0.124}
        assert frame["Object count"].iloc[i] == truth.array.max()
    assert result[0].column_values("Image preview")[0].size == (96, 80)
    assert not result.warnings


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(session: Any, kind: str) -> None:
    result = simulated(session, kind=kind.upper(), images=1, previews=False)
    assert tensors(result, "Image")[0].array.dtype == np.uint16
    assert tensors(result, "Labels")[0].array.max() > 0
    assert "Image preview" not in result[0].to_pandas().columns


def test_the_same_objects_at_several_levels(session: Any) -> None:
    result = simulated(session, light={"levels": "SEVERAL", "medium": False})
    frame = result[0].to_pandas()
    assert list(frame["Light"]) == ["high light", "low light", "very low light"] * 2
    assert list(frame["Phantom"]) == ["hl60_seed0_0001"] * 3 + ["hl60_seed0_0002"] * 3
    assert frame.index.is_unique
    labels, images = tensors(result, "Labels"), tensors(result, "Image")
    assert np.array_equal(labels[0].array, labels[2].array)
    assert not np.array_equal(labels[0].array, labels[3].array)
    assert images[0].array.max() > images[1].array.max() > images[2].array.max()
    alone = simulated(session, light={"level": "LOW"})
    assert np.array_equal(tensors(alone, "Image")[1].array, images[4].array)


def test_images_of_a_seed_do_not_depend_on_how_many_there_are(session: Any) -> None:
    three, two = simulated(session, images=3, seed=7), simulated(session, images=2, seed=7)
    for a, b in zip(tensors(three, "Image")[:2], tensors(two, "Image"), strict=True):
        assert np.array_equal(a.array, b.array)
    other = simulated(session, images=1, seed=8)
    assert not np.array_equal(tensors(other, "Image")[0].array, tensors(two, "Image")[0].array)


def test_sizes_and_numbers_that_are_set(session: Any) -> None:
    result = simulated(session, images=4, width=160, kind="TISSUE", objects=MANUAL)
    counts = list(result[0].to_pandas()["Object count"])
    assert all(4 <= count <= 6 for count in counts)
    for labels in tensors(result, "Labels"):
        areas = np.bincount(labels.array.ravel())[1:]
        assert 2 * np.sqrt(areas.max() / np.pi) < 20.5
    one_size = simulated(session, objects={**MANUAL, "one_size": True, "smallest": 8.0, "largest": 40.0, "most": 4})
    assert len(one_size[0].to_pandas()) == 2


def test_pixel_size_may_be_unknown(session: Any) -> None:
    result = simulated(session, pixel_size=0.0, images=1)
    assert tensors(result, "Image")[0].pixel_size == {}
    assert result[0].to_pandas()["Pixel size (µm)"].isna().all()


def test_objects_without_room_are_warned_of(session: Any) -> None:
    result = simulated(session, objects={**MANUAL, "smallest": 40.0, "largest": 40.0, "fewest": 90, "most": 90})
    (warning,) = result.warnings
    assert "no room for all objects in 2 images" in warning
    assert "hl60_seed0_0001 (" in warning
    assert "of 90" in warning
    usual = simulated(session, width=40, height=40, images=10)
    assert not usual.warnings  # nobody asked for a number


def test_the_counter_finds_all_objects(session: Any) -> None:
    made = simulated(session, kind="RODS", objects={**MANUAL, "clustering": 1.0})
    counts = session.node("InstanceCounter").execute(made[0])[0].to_pandas()
    assert list(counts["Count"]) == list(counts["Object count"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objects": {**MANUAL, "smallest": 30.0}}, r"smallest diameter \(30\) is above the largest \(20\).*Exchange"),
        ({"objects": {**MANUAL, "largest": 90.0}}, "90 pixels do not fit into images of 96 x 80.*smaller objects"),
        ({"objects": {**MANUAL, "fewest": 7}}, r"fewest objects \(7\) are more than the most \(6\)"),
        (
            {"light": {"levels": "SEVERAL", "high": False, "medium": False, "low": False, "very_low": False}},
            "No level of light is chosen",
        ),
    ],
)
def test_settings_that_do_not_fit(session: Any, refused: Any, settings: dict[str, Any], message: str) -> None:
    node = session.node("NucleiSimulator").set(**SMALL, **settings)
    with refused(message):
        node.configure()
    with refused(message):
        node.execute()


def test_what_is_hidden_does_not_matter(session: Any) -> None:
    simulated(session, images=1, objects={"smallest": 90.0, "largest": 20.0, "fewest": 9, "most": 1})


@pytest.mark.parametrize(("name", "value"), [("images", 0), ("width", 16), ("height", 10_000), ("seed", -1)])
def test_values_out_of_range(session: Any, name: str, value: int) -> None:
    assert session.node("NucleiSimulator").set(**{name: value}).validate() is not None


def test_progress_and_cancel(session: Any) -> None:
    result = simulated(session, images=4, width=64, height=64)
    fractions = [fraction for fraction, _ in result.progress]
    assert fractions == sorted(fractions)
    assert result.progress[2][1] == "image 2 of 4"
    with pytest.raises(Exception, match="Canceled"):
        session.node("NucleiSimulator").set(**{**SMALL, "images": 50}).execute(
            cancel=lambda run: len(run.progress) >= 3
        )
