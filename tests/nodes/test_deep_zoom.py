"""The page of a large image, used as a person would: in a browser, with mouse and keys.

Where there is no Chromium (Debian's package chromium), what needs a browser is skipped.
"""

import re
import time
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from tests.nodes.browser import CHROMIUM, Browser
from tests.pyramids import nuclei, sources

from core.image import Image
from core.measurement.objects import measure
from core.pyramid import PyramidConfig, build_pyramid
from core.visual import outlines

YELLOW, CYAN = (255, 212, 0), (47, 224, 255)
SIZE = 360
"""Height and width of the sample image."""

needs_browser = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")


@pytest.fixture(autouse=True, scope="module")
def _loaded(session: Any) -> None:
    """The nodes can be imported once the extension is loaded."""


def html(
    picture: NDArray[np.uint8] | None = None,
    labels: NDArray[np.int32] | None = None,
    tile: int = 64,
    budget: int = 24_000_000,
    pixel_size: float | None = 0.5,
    more: Mapping[str, NDArray[Any]] | None = None,
) -> str:
    """The page of an image, a real one unless it is given, with more columns of objects."""
    from nodes.views.deep_zoom import deep_zoom_page

    if picture is None or labels is None:
        picture, labels = nuclei()
    size = {"Y": pixel_size, "X": pixel_size} if pixel_size else {}
    height, width = labels.shape
    pyramid = build_pyramid(height, width, *sources(picture, labels), PyramidConfig(tile, budget))
    objects = measure(Image(labels, "YX", size, kind="labels"))
    return deep_zoom_page("Objects <found>", "A note & more.", pyramid, {**objects, **(more or {})}, size)


def write(folder: Path, text: str) -> Path:
    path = folder / "image.html"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, _loaded: None) -> Path:
    return write(tmp_path_factory.mktemp("page"), html())


def settle(browser: Browser) -> None:
    """Everything that can be seen is decoded and drawn."""
    browser.run(
        "new Promise(done => { const look = () => columns && stage.dataset.complete === 'true' && !asked ? done()"
        " : setTimeout(look, 10); requestAnimationFrame(() => requestAnimationFrame(look)); })"
    )
    assert not browser.complaints


def show(
    browser: Browser, file: Path, place: str = "", size: tuple[int, int, int] = (900, 700, 1)
) -> NDArray[np.uint8]:
    """What the stage shows at a place, in a window of so many CSS pixels of so many pixels each; axes YX3."""
    browser.resize(*size)
    browser.open(file, "#" + place if place else "")
    settle(browser)
    return stage(browser)


def stage(browser: Browser) -> NDArray[np.uint8]:
    left, top, right, bottom = browser.run(
        "(({left, top, right, bottom}) => [left, top, right, bottom])(stage.getBoundingClientRect())"
    )
    scale = browser.run("devicePixelRatio")
    rows, columns = (slice(round(a * scale), round(b * scale)) for a, b in ((top, bottom), (left, right)))
    return browser.screenshot()[rows, columns]


def clear(browser: Browser) -> None:
    """Take what lies above the image away, so that a screenshot has the image alone."""
    browser.run("document.querySelectorAll('.card').forEach(card => card.style.visibility = 'hidden')")


def part(shown: NDArray[np.uint8], zoom: int = 1, size: int = SIZE) -> NDArray[np.uint8]:
    """The image out of a picture of the stage that has it in its middle."""
    top, left = ((n - size * zoom + 1) // 2 for n in shown.shape[:2])
    return shown[top : top + size * zoom, left : left + size * zoom]


def near(shown: NDArray[np.uint8], color: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((np.abs(shown.astype(int) - color) < 40).all(-1))


def window(browser: Browser, x: float, y: float) -> tuple[float, float]:
    """Where in the window a pixel of the image is."""
    place = browser.run(
        f"(box => [box.left + screenX({x} + .5) / ratio(), box.top + screenY({y} + .5) / ratio()])"
        "(stage.getBoundingClientRect())"
    )
    return place[0], place[1]


def panel(browser: Browser) -> str:
    settle(browser)
    return str(browser.run("$('panel').innerText"))


def inside(number: int) -> tuple[int, int]:
    """x and y of a pixel of an object, not at its rim."""
    y, x = np.argwhere(ndimage.binary_erosion(nuclei()[1] == number))[0]
    return int(x), int(y)


WHOLE = "x=180&y=180&zoom=1"
VIEW = "[view.x, view.y, view.scale]"


def test_the_page_loads_nothing_and_cannot_be_broken_by_names() -> None:
    text = html(more={"</script><b>": np.arange(19)})
    assert not re.search(r"https?://(?!www\.w3\.org)", text)
    assert not re.search(r"\b(src|href)\s*=\s*[\"']?(?!data:)[^\"'\s>]", text.split("<script")[0])
    assert "<b>" not in text
    assert text.count("</script>") == 2
    assert "Objects &lt;found&gt;" in text
    assert not re.search(r"\b(fetch|XMLHttpRequest|Worker|localStorage|sessionStorage|import)\b\s*\(", text)


def test_without_a_script_there_is_the_overview() -> None:
    assert re.search(r'<img id="first" alt="[^"]+" src="data:image/jpeg;base64,/9j/', html())


def test_outlines_are_seen_on_bright_images() -> None:
    picture, labels = nuclei()
    assert '<option value="yellow" selected>' in html()
    assert '<option value="black" selected>' in html(255 - picture, labels)


@needs_browser
def test_the_picture_is_there(browser: Browser, file: Path) -> None:
    show(browser, file, WHOLE + "&outlines=0")
    clear(browser)
    shown = part(stage(browser))
    picture, _ = nuclei()
    assert np.abs(shown.astype(int) - picture[..., None]).mean() < 4


@needs_browser
def test_outlines_lie_where_objects_end(browser: Browser, file: Path) -> None:
    """At one pixel of the screen per pixel of the image they are the rims, also where tiles meet."""
    show(browser, file, WHOLE)
    clear(browser)
    _, labels = nuclei()
    assert (near(part(stage(browser)), YELLOW) == outlines(labels)).all()
    browser.key(" ")
    settle(browser)
    assert not near(stage(browser), YELLOW).any()
    browser.run("$('color').value = 'cyan'; $('outlines').click()")
    settle(browser)
    assert (near(part(stage(browser)), CYAN) == outlines(labels)).all()


@needs_browser
def test_on_a_fine_screen_too(browser: Browser, file: Path) -> None:
    show(browser, file, "x=180&y=180&zoom=0.5", (500, 520, 2))
    clear(browser)
    drawn = near(part(stage(browser)), YELLOW)
    assert (drawn == outlines(nuclei()[1])).all()


@needs_browser
def test_enlarged_outlines_run_between_pixels(browser: Browser, file: Path) -> None:
    zoom = 4
    show(browser, file, f"x=180&y=180&zoom={zoom}", (SIZE * zoom + 60, SIZE * zoom + 200, 1))
    clear(browser)
    drawn = near(part(stage(browser), zoom), YELLOW)
    large = np.kron(nuclei()[1], np.ones((zoom, zoom), np.int32))
    edge = np.zeros(large.shape, bool)
    edge[1:] |= large[1:] != large[:-1]
    edge[:, 1:] |= large[:, 1:] != large[:, :-1]
    assert not drawn[~ndimage.binary_dilation(edge, np.ones((3, 3)), iterations=2)].any()
    assert drawn[edge].mean() > 0.95


@needs_browser
def test_objects_of_a_few_pixels_are_tinted(browser: Browser, tmp_path: Path) -> None:
    labels = np.zeros((400, 400), np.int32)
    for y, x in [(1, 1), (1, 2), (2, 1), (2, 2)]:
        labels[y::4, x::4] = np.arange(10_000).reshape(100, 100) + 1
    path = write(tmp_path, html(np.zeros((400, 400), np.uint8), labels, tile=128, pixel_size=None))
    show(browser, path, "x=200&y=200&zoom=1")
    assert browser.run("$('scale').innerText").endswith("px")
    clear(browser)
    image = part(stage(browser), size=400).astype(int)
    assert (np.abs(image[labels > 0] - np.array(YELLOW) * 0.59) < 5).all()
    assert (image[labels == 0] == 0).all()


@needs_browser
@pytest.mark.parametrize("zoom", [1, 6])
def test_the_object_under_the_cursor_is_named(browser: Browser, file: Path, zoom: int) -> None:
    _, labels = nuclei()
    for number in np.unique(labels)[[1, 7, -1]]:
        x, y = inside(number)
        show(browser, file, WHOLE if zoom == 1 else f"x={x}&y={y}&zoom={zoom}")
        browser.mouse("mouseMoved", *window(browser, x, y))
        text = panel(browser)
        area = int((labels == number).sum())
        assert text.startswith(f"Object {number}\n")
        assert f"{area:,} px · " in text
        assert re.search(rf"· {int(area / 4):,}(\.\d)? µm²", text)
        assert re.search(r"Touches the edge\s+(yes|no)", text)
    y, x = np.argwhere(labels == 0)[0]
    browser.run(f"go({x}, {y}, 1)")
    settle(browser)
    browser.mouse("mouseMoved", *window(browser, x, y))
    assert panel(browser) == ""


@needs_browser
def test_the_object_under_the_cursor_is_highlighted(browser: Browser, file: Path) -> None:
    show(browser, file, WHOLE)
    clear(browser)
    before = near(part(stage(browser)), YELLOW)
    browser.mouse("mouseMoved", *window(browser, *inside(12)))
    settle(browser)
    changed = before & ~near(part(stage(browser)), YELLOW)
    _, labels = nuclei()
    assert changed[outlines(labels) & (labels == 12)].all()
    assert not changed[~ndimage.binary_dilation(labels == 12, iterations=5)].any()


@needs_browser
def test_a_click_holds_an_object_and_escape_lets_it_go(browser: Browser, file: Path) -> None:
    show(browser, file, WHOLE)
    place = window(browser, *inside(5))
    browser.mouse("mouseMoved", *place)
    browser.mouse("mousePressed", *place, button="left", clickCount=1)
    browser.mouse("mouseReleased", *place, button="left", clickCount=1)
    browser.mouse("mouseMoved", 5, 5)
    assert panel(browser).startswith("Object 5\n")
    assert browser.run("$('number').value") == "5"
    browser.key("Escape")
    assert panel(browser) == ""


@needs_browser
def test_an_object_is_found_by_its_number(browser: Browser, file: Path) -> None:
    _, labels = nuclei()
    show(browser, file, "object=12")
    assert panel(browser).startswith("Object 12\n")
    y, x = np.argwhere(labels == 12).mean(0)
    assert browser.run("[view.x, view.y]") == pytest.approx([x + 0.5, y + 0.5], abs=0.01)
    for number, message in [(3, ""), (4711, "There is no object 4711.")]:
        browser.run(f"$('number').value = {number}; $('number').onchange({{target: $('number')}})")
        assert browser.run("$('number').validationMessage") == message
        assert panel(browser).startswith("Object 3\n")


@needs_browser
def test_any_column_is_shown(browser: Browser, tmp_path: Path) -> None:
    _, labels = nuclei()
    count = len(np.unique(labels)) - 1
    more = {
        "probability": np.full(count, 0.87654),
        "mean_intensity_<b>DAPI": np.full(count, np.nan),
        "far": np.arange(count) + 5 * 10**9,
    }
    more["mean_intensity_<b>DAPI"][0] = 1234.56
    show(browser, write(tmp_path, html(more=more)), "object=1")
    text = panel(browser)
    assert re.search(r"Probability\s+0.877\b", text)
    assert re.search(r"Mean intensity <b>DAPI\s+1,235\b", text)
    assert re.search(r"Far\s+5,000,000,\d\d\d\b", text)
    browser.run("location.hash = 'object=2'")
    browser.run("new Promise(done => setTimeout(done, 50))")
    assert re.search(r"Mean intensity <b>DAPI\s+\?", panel(browser))


@needs_browser
def test_the_address_leads_back_to_the_place(browser: Browser, file: Path) -> None:
    show(browser, file, "x=100&y=120&zoom=3&object=5&outlines=0&color=cyan")
    browser.run("$('brightness').value = 30; $('brightness').oninput(); new Promise(done => setTimeout(done, 600))")
    place = browser.run("location.hash")
    assert "outlines=0" in place
    assert "brightness=30" in place
    assert "gamma" not in place
    before = stage(browser)
    browser.open(file, place)
    settle(browser)
    assert (stage(browser) == before).all()


@needs_browser
def test_an_odd_address_does_no_harm(browser: Browser, file: Path) -> None:
    shown = show(browser, file, "x=abc&y=1e99&zoom=-5&object=1e12&color=none&brightness=?")
    assert browser.run("Object.values(view).every(Number.isFinite)")
    assert shown.any()


@needs_browser
def test_the_wheel_zooms_about_the_cursor(browser: Browser, file: Path) -> None:
    show(browser, file, "x=180&y=180&zoom=2")
    place = window(browser, 100, 250)
    browser.mouse("mouseWheel", *place, deltaX=0, deltaY=-240)
    settle(browser)
    assert browser.run("view.scale") > 2.5
    assert window(browser, 100, 250) == pytest.approx(place, abs=2)
    browser.mouse("mouseWheel", *place, deltaX=0, deltaY=240)
    settle(browser)
    assert browser.run(VIEW) == pytest.approx([180, 180, 2], abs=0.01)


@needs_browser
def test_dragging_moves_the_image(browser: Browser, file: Path) -> None:
    show(browser, file, "x=180&y=180&zoom=2")
    x, y = window(browser, 180, 180)
    browser.mouse("mousePressed", x, y, button="left", clickCount=1)
    browser.mouse("mouseMoved", x + 60, y - 40, button="left", buttons=1)
    browser.mouse("mouseReleased", x + 60, y - 40, button="left", clickCount=1)
    assert browser.run(VIEW) == pytest.approx([150, 200, 2])
    assert browser.run("chosen") == 0


@needs_browser
def test_two_fingers_zoom(browser: Browser, file: Path) -> None:
    show(browser, file, "x=180&y=180&zoom=2")
    x, y = window(browser, 179.5, 179.5)
    for kind, half in [("touchStart", 50), ("touchMove", 75), ("touchMove", 100), ("touchEnd", None)]:
        points = [] if half is None else [{"x": x - half, "y": y, "id": 1}, {"x": x + half, "y": y, "id": 2}]
        browser.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)
    assert browser.run(VIEW) == pytest.approx([180, 180, 4], rel=0.02)


@needs_browser
def test_keys_and_buttons(browser: Browser, file: Path) -> None:
    show(browser, file, "x=180&y=180&zoom=2")
    browser.key("ArrowRight")
    browser.key("ArrowDown")
    x, y, _ = browser.run(VIEW)
    assert min(x, y) > 190
    browser.key("+")
    browser.run("$('in').click()")
    assert browser.run("view.scale") == pytest.approx(4.5)
    browser.key("-")
    browser.run("$('out').click()")
    assert browser.run("view.scale") == pytest.approx(2)
    browser.key("0")
    assert browser.run("isWhole()")
    browser.run("go(10, 10, 3); $('all').click()")
    assert browser.run("isWhole()")


@needs_browser
def test_contrast_changes_the_picture_not_the_outlines(browser: Browser, file: Path) -> None:
    show(browser, file, WHOLE)
    clear(browser)
    before = part(stage(browser))
    browser.run("$('gamma').value = 40; $('gamma').oninput()")
    settle(browser)
    after = part(stage(browser))
    lines = outlines(nuclei()[1])
    assert near(after, YELLOW)[lines].all()
    assert after[~lines].mean() > 1.3 * before[~lines].mean()


@needs_browser
def test_the_scale_bar(browser: Browser, file: Path) -> None:
    for zoom, text in [(1, "50 µm"), (3, "20 µm"), (30, "2 µm")]:
        show(browser, file, f"x=180&y=180&zoom={zoom}")
        assert browser.run("$('scale').innerText").strip() == text
        wide = browser.run("$('scale').firstElementChild.getBoundingClientRect().width")
        assert wide == pytest.approx(float(text.split()[0]) / 0.5 * zoom, rel=0.01)


@needs_browser
def test_words_tell_of_pixels_that_are_not_in_the_page(browser: Browser, file: Path, tmp_path: Path) -> None:
    less = write(tmp_path, html(budget=25_000))
    for path, zoom, words in [(less, 0.6, False), (less, 8, True), (file, 8, False)]:
        shown = show(browser, path, f"x=180&y=180&zoom={zoom}", (500, 520, 1))
        assert ("2 × 2" in browser.run("$('words').innerText")) == words
        assert near(shown, YELLOW).any()


@needs_browser
def test_in_a_frame_that_may_do_nothing_but_run_scripts(browser: Browser, tmp_path: Path) -> None:
    frame = f'<iframe sandbox="allow-scripts" style="width:800px;height:600px" srcdoc="{escape(html())}"></iframe>'
    browser.open(write(tmp_path, frame))
    end = time.monotonic() + 10
    while not near(browser.screenshot(), YELLOW).any():
        assert time.monotonic() < end
    assert not browser.complaints


@needs_browser
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 700), (300, 2)])
def test_odd_images_without_objects(browser: Browser, tmp_path: Path, height: int, width: int) -> None:
    page = html(np.full((height, width), 100, np.uint8), np.zeros((height, width), np.int32))
    shown = show(browser, write(tmp_path, page))
    assert (np.abs(shown.astype(int) - 100) < 3).all(-1).any()
