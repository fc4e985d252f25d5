"""Style Transfer Learner."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.nodes.samples import disks

from core.image import Image

TINY: dict[str, Any] = {"size": "OWN", "width": 4, "blocks": 1, "patch_size": 32, "steps": 3, "device": "CPU"}

COLUMNS = [
    "Step",
    "Discriminator loss",
    "Generator loss",
    "Contrastive loss",
    "Identity loss",
    "Learning rate",
    "Seconds",
]


def images(*seeds: int, dtype: Any = np.uint16, channels: int = 1) -> list[Image]:
    made = [disks(seed=seed, channels=channels)[0] for seed in seeds]
    return [Image(one.array.astype(dtype), one.axes) for one in made]


def learn(session: Any, given: Any, style: Any, **settings: Any) -> Any:
    node = session.node("StyleTransferLearner").set(**{**TINY, **settings})
    node.configure(given, style)
    return node.execute(given, style)


def test_a_style_is_learned(session: Any, table: Callable[..., Any]) -> None:
    given, style = table(Image=images(0, 1)), table(Picture=images(5, 6, 7, dtype=np.float32))
    node = session.node("StyleTransferLearner").set(**TINY)
    spec, schema = node.configure(given, style)
    assert spec.channels is None
    assert (node.settings["model"]["image_column"], node.settings["model"]["target_column"]) == ("Image", "Picture")
    result = node.execute(given, style)
    assert result[0].spec.channels == 1
    assert result[1].schema == schema
    frame = result[1].to_pandas()
    assert list(frame.columns) == COLUMNS
    assert list(frame["Step"]) == [1, 2, 3]
    assert frame.notna().all().all()
    styled = result[0].load().load().apply(images(0)[0])
    assert styled.array.dtype == np.float32
    assert "results will be float32" in result.warnings[0]


def test_the_view(session: Any, table: Callable[..., Any]) -> None:
    result = learn(session, table(Image=images(0, 1)), table(Image=images(5, 6)))
    for text in ("Contrastive loss", "Discriminator loss", "Trained for 3 steps", "data:image/png;base64"):
        assert text in result.view_html
    assert "http" not in result.view_html.replace("http://www.w3.org/2000/svg", "")


def test_stacks_and_channels(session: Any, table: Callable[..., Any]) -> None:
    planes = [one.array for one in images(0, 1, 2)]
    stack, pair = Image(np.stack(planes), "ZYX"), images(1, 2, channels=2)
    assert learn(session, table(Image=[stack]), table(Image=[stack]))[0].spec.channels == 1
    assert learn(session, table(Image=pair), table(Image=pair))[0].spec.channels == 2


@pytest.mark.parametrize("size", ["SMALL", "FULL"])
def test_sizes(session: Any, size: str) -> None:
    from core.adaptation.style.cut.config import CutConfig
    from nodes.style_learner import StyleTransferLearner

    session.node("StyleTransferLearner")
    node = StyleTransferLearner()
    node.size = size
    config = node._config()
    expected = CutConfig() if size == "SMALL" else CutConfig.published(learning_rate=CutConfig().learning_rate)
    assert config == expected


def test_defaults_are_those_of_the_library(session: Any) -> None:
    from core.adaptation.style.cut.config import CutConfig

    settings, library = session.node("StyleTransferLearner").settings["model"], CutConfig()
    for name in ("steps", "patch_size", "learning_rate", "seed"):
        assert settings[name] == getattr(library, name), name
    assert settings["limit"] == library.limit_minutes
    assert (settings["width"], settings["blocks"]) == (library.generator.width, library.generator.blocks)


def test_rows_without_image(session: Any, table: Callable[..., Any], refused: Any) -> None:
    good = table(Image=images(5, 6))
    result = learn(session, table(["a", "b", "c"], Image=[*images(0, 1), None]), good)
    assert "Images: 1 row without image skipped: c." in result.warnings[0]
    nothing = table(None, {"Image": Image}, Image=[None, None])
    with refused("^Images: The table has no row with an image in column 'Image'"):
        learn(session, nothing, good)
    with refused("^Target images: The table has no row with an image in column 'Image'"):
        learn(session, good, nothing)
    with refused("Target images: The table has no row"):
        learn(session, good, table(None, {"Image": Image}, Image=[]))


def test_what_is_refused(session: Any, table: Callable[..., Any], refused: Any) -> None:
    good = table(Image=images(5, 6))
    flat = Image(np.zeros((64, 64), np.uint16), "YX")
    two = table(["x", "y"], Image=[*images(0), *images(1, channels=2)])
    with refused(r"^Target images, Row 'y': The image has 2 channels, but .*Row 'Row0'\) has 1 channel"):
        learn(session, good, two)
    with refused("^Images: Every image has the same value everywhere"):
        learn(session, table(Image=[flat, flat]), good)
    with refused("Row 'Row0': This is a label image"):
        learn(session, table(Image=[disks()[1]]), good)
    with refused("Row 'Row0': The image is a time series"):
        learn(session, good, table(Image=[Image(np.stack([one.array for one in images(0, 1)]), "TYX")]))
    broken = Image(np.full((64, 64), np.nan, np.float32), "YX")
    with refused("not a number"):
        learn(session, good, table(Image=[*images(0, dtype=np.float32), broken]))
    with refused("The patch size is 34 pixels. Choose a multiple of 4"):
        learn(session, good, good, patch_size=34)
    with refused("no column that could be the target image column"):
        learn(session, good, table(Name=["a"]))
    with refused("The table has no column 'Other'"):
        learn(session, good, good, target_column="Other")


def test_warnings(session: Any, table: Callable[..., Any]) -> None:
    flat = Image(np.zeros((64, 64), np.uint16), "YX")
    small = Image(images(0)[0].array[:20], "YX")
    result = learn(session, table(["a", "b", "c"], Image=[*images(0), flat, small]), table(Image=images(5)))
    warning = result.warnings[0]
    assert "left out, because all their pixels have the same value: Row 'b'" in warning
    assert "smaller than a patch of 32 pixels, and mirrored beyond their edges: Row 'c'" in warning
    assert "Target images: there is one image only" in warning


def test_a_training_that_would_take_too_long(
    session: Any, table: Callable[..., Any], refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.adaptation.style.cut import train

    monkeypatch.setattr(train, "TIMED_SECONDS", 0.0)
    with refused(r"would take about .* \(1,000,000 steps of .*, its limit is 1 min\. Set the number of steps to \d"):
        learn(session, table(Image=images(0, 1)), table(Image=images(5, 6)), steps=1_000_000, limit=1.0)


def test_cancel(session: Any, table: Callable[..., Any]) -> None:
    given = table(Image=images(0, 1))
    node = session.node("StyleTransferLearner").set(**{**TINY, "steps": 1000})
    node.configure(given, given)
    with pytest.raises(Exception, match=r"[Cc]ancel"):
        node.execute(given, given, cancel=lambda ctx: len(ctx.progress) > 8)


def test_a_damaged_model(session: Any) -> None:
    from core.errors import ModelFormatError
    from nodes.style_ports import StyleModelObject, StyleModelSpec, style_model_port

    assert style_model_port.id == "org.microseg.style.model"
    spec = StyleModelSpec.deserialize(StyleModelSpec({"generator": {"channels": 3}}).serialize())
    assert spec.channels == 3
    with pytest.raises(ModelFormatError, match="The style model at the input port: This is no style model"):
        StyleModelObject.deserialize(spec, b"broken").load()
