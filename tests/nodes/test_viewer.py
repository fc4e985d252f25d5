"""The viewer of images and the charts, used as a person would: in a browser, with mouse and keys.

Where there is no Chromium (Debian's package chromium), these tests are skipped.
"""

import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from tests.nodes.browser import Browser
from tests.nodes.samples import disks
from tests.pyramids import nuclei

from core.image import Image
from core.normalization import limits
from core.visual import STRETCH

YELLOW, PINK, GREEN, RIGHT, WRONG = (255, 212, 0), (255, 79, 163), (34, 211, 107), (59, 224, 106), (255, 122, 36)

SIZE = 360
"""Height and width of the first image."""


@pytest.fixture(autouse=True, scope="module")
def _loaded(session: Any) -> None:
    """The nodes can be imported once the extension is loaded."""


def sample() -> tuple[Image, Image]:
    """A real image of 16 bits and its labels."""
    picture, labels = nuclei()
    size = {"Y": 0.5, "X": 0.5}
    return Image(picture.astype(np.uint16) * 20 + 100, "YX", size), Image(labels, "YX", size, kind="labels")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, _loaded: None) -> Path:
    """What a predictor shows: a real image, one of three channels, and one without objects."""
    from nodes.views.found import found_view
    from nodes.views.slides import Album, Layer

    album = Album(8, 4, ["#ffd400"])
    image, labels = sample()
    album.add("first", "19 objects", image, [Layer(labels, np.linspace(0.5, 1, labels.array.max()).tolist())])
    disk, disk_labels = disks(SIZE, 1, 3, 40)
    named = Image(disk.array, "CYX", {}, ("DAPI", "GFP", "Cy5"))
    album.add("second", "9 objects", named, [Layer(disk_labels)])
    empty = Image(np.zeros((SIZE, SIZE), np.int32), "YX", kind="labels")
    album.add("third", "0 objects", None, [Layer(empty)])
    return write(tmp_path_factory.mktemp("found"), found_view(album, {"prob": 0.5}, "CPU", previews=True).html)


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory, session: Any, table: Callable[..., Any]) -> Path:
    """What a scorer shows of two methods: object 1 is missed by the first, and shrunk beyond recognition by both."""
    image, labels = sample()
    missed = np.where(labels.array == 1, 0, labels.array)
    shrunk = np.where((missed == 2) & ~ndimage.binary_erosion(missed == 2, iterations=12), 0, missed)
    images = table(
        ["good", "bad"],
        Image=[image, image],
        Labels=[labels, labels],
        P=[Image(missed, "YX", kind="labels"), Image(shrunk, "YX", kind="labels")],
        Q=[labels, labels],
    )
    node = session.node("SegmentationScorer").set(predicted_column="P", second_column="Q")
    return write(tmp_path_factory.mktemp("scores"), node.execute(images).view_html)


def write(folder: Path, text: str) -> Path:
    path = folder / "view.html"
    path.write_text(text, "utf-8")
    return path


def settle(browser: Browser) -> None:
    """The slide is unpacked and drawn."""
    browser.run(
        "new Promise(done => { const look = () => stage.dataset.complete === 'true' && !asked ? done()"
        " : setTimeout(look, 10); requestAnimationFrame(() => requestAnimationFrame(look)); })"
    )
    assert not browser.complaints


def show(browser: Browser, file: Path, width: int = 900, height: int = 760) -> None:
    browser.resize(width, height)
    browser.open(file)
    settle(browser)


def at_scale(browser: Browser, scale: int = 1) -> NDArray[np.uint8]:
    """What is seen of the image at so many pixels of the screen per pixel of its own, nothing lying above it."""
    browser.run("document.querySelectorAll('.card').forEach(card => card.style.visibility = 'hidden')")
    browser.run(f"go(width / 2, height / 2, {scale})")
    settle(browser)
    x, y = browser.run("(box => [box.left + screenX(0), box.top + screenY(0)])(stage.getBoundingClientRect())")
    return browser.screenshot()[round(y) : round(y) + SIZE * scale, round(x) : round(x) + SIZE * scale]


def near(shown: NDArray[np.uint8], color: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((np.abs(shown.astype(int) - color) < 40).all(-1))


def window(browser: Browser, number: int) -> tuple[float, float]:
    """Where in the window an object of the first image is."""
    y, x = np.argwhere(ndimage.binary_erosion(nuclei()[1] == number, iterations=3))[0]
    place = browser.run(
        f"(box => [box.left + screenX({x} + .5), box.top + screenY({y} + .5)])(stage.getBoundingClientRect())"
    )
    return place[0], place[1]


def panel(browser: Browser) -> str:
    settle(browser)
    return str(browser.run("$('panel').innerText"))


def test_the_picture_is_there(browser: Browser, found: Path) -> None:
    show(browser, found)
    browser.run("$('outlines').click()")
    shown = at_scale(browser)
    pixels = sample()[0].array
    low, high = limits(pixels[None], STRETCH)[0]
    expected = 255 * np.clip((pixels - low) / (high - low), 0, 1)
    assert np.abs(shown.astype(int) - expected[..., None]).max() < 5


def test_outlines_run_between_pixels(browser: Browser, found: Path) -> None:
    show(browser, found, 1100, 1000)
    drawn = near(at_scale(browser, 2), YELLOW)
    large = np.kron(nuclei()[1], np.ones((2, 2), np.int32))
    edge = np.zeros(large.shape, bool)
    edge[1:] |= large[1:] != large[:-1]
    edge[:, 1:] |= large[:, 1:] != large[:, :-1]
    assert drawn[edge].mean() > 0.95
    assert not drawn[~ndimage.binary_dilation(edge, np.ones((3, 3)), iterations=2)].any()
    browser.run("$('fill').click(); $('opacity').value = 50; $('opacity').oninput()")
    settle(browser)
    inside = ndimage.binary_erosion(large > 0, iterations=4)
    filled = at_scale(browser, 2).astype(int)
    assert (filled[inside][:, 0] - filled[inside][:, 2]).mean() > 20
    browser.run("$('color').value = 'each'; $('opacity').value = 100; $('opacity').oninput()")
    settle(browser)
    assert not near(at_scale(browser, 2), YELLOW)[edge].any()


@pytest.mark.parametrize("number", [1, 12])
def test_the_object_under_the_cursor_is_named(browser: Browser, found: Path, number: int) -> None:
    show(browser, found)
    browser.mouse("mouseMoved", *window(browser, number))
    text, (image, labels) = panel(browser), sample()
    area = int((labels.array == number).sum())
    assert text.startswith(f"Object {number}\n")
    assert f"{area:,} px · {area / 4:,.0f} µm²" in text
    assert f"Mean intensity\n{image.array[labels.array == number].mean():,.0f}" in text
    assert f"Probability\n{np.linspace(0.5, 1, labels.array.max())[number - 1]:#.3g}" in text


def test_a_click_holds_an_object_and_escape_lets_it_go(browser: Browser, found: Path) -> None:
    show(browser, found)
    place = window(browser, 5)
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        browser.mouse(kind, *place, button="none" if kind == "mouseMoved" else "left", clickCount=1)
    browser.mouse("mouseMoved", 5, 5)
    assert panel(browser).startswith("Object 5\n")
    assert browser.run("document.activeElement.id") == "over"
    browser.key("Escape")
    assert panel(browser) == ""


def test_keys_alone_are_enough(browser: Browser, found: Path) -> None:
    show(browser, found)
    for key, number in [(".", 1), (".", 2), (",", 1), (",", 19)]:
        browser.key(key)
        assert panel(browser).startswith(f"Object {number}\n")
    browser.key("+")
    browser.key(" ")
    assert browser.run("[isWhole(), $('outlines').checked]") == [False, False]
    browser.key("0")
    assert browser.run("isWhole()")
    for key, number in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowRight", 0), ("ArrowLeft", 2), (".", 2)]:
        browser.key(key)
        settle(browser)
        assert browser.run("now") == number
    assert browser.run("[$('choice').value, $('caption').innerText]") == ["2", "0 objects"]
    before = browser.run("view.x")
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight", modifiers=8)
    assert browser.run("[now, view.x > " + str(before) + "]") == [2, True]


def test_every_control_is_reached_and_named(browser: Browser, scores: Path) -> None:
    show(browser, scores)
    names = browser.run(
        "[...document.querySelectorAll('button,input,select,summary,canvas[tabindex],svg[tabindex]')]"
        ".filter(e => e.checkVisibility()).map(e => e.ariaLabel || e.labels?.[0]?.innerText || e.innerText)"
    )
    assert len(names) > 20
    assert all(name and name.strip() for name in names)
    browser.run("$('before').focus()")
    reached = []
    for _ in range(12):
        browser.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", windowsVirtualKeyCode=9)
        browser.call("Input.dispatchKeyEvent", type="keyUp", key="Tab", windowsVirtualKeyCode=9)
        reached.append(browser.run("document.activeElement.id || document.activeElement.className"))
        assert browser.run("getComputedStyle(document.activeElement).outlineWidth") == "2px"
    order = ["choice", "next", *["layer"] * 3, "outlines", "fill", "color", "opacity", "low", "high", "auto"]
    assert reached == order


def test_channels_and_their_contrast(browser: Browser, found: Path) -> None:
    show(browser, found)
    assert not browser.run("$('channel').checkVisibility()")
    browser.run("$('outlines').click(); show(1)")
    settle(browser)
    assert browser.run("[...$('channel').options].map(o => o.text)") == ["Overlaid", "DAPI", "GFP", "Cy5"]
    labels = disks(SIZE, 1, 3, 40)[1].array > 0
    assert at_scale(browser)[labels].min() > 200
    browser.run(
        "$('channel').value = '1'; $('channel').onchange(); $('low').value = 0; $('low').oninput({target: $('low')})"
    )
    browser.run("$('high').value = 1000; $('high').oninput({target: $('high')})")
    settle(browser)
    pixels = disks(SIZE, 1, 3, 40)[0].array[1].astype(float)
    expected = 255 * (pixels - pixels.min()) / np.ptp(pixels)
    assert np.abs(at_scale(browser).astype(int) - expected[..., None]).max() < 5
    assert browser.run("$('range').innerText") == f"{pixels.min():.0f} to {pixels.max():.0f}"
    browser.run("$('low').value = 1000; $('low').oninput({target: $('low')})")
    assert browser.run("+$('low').value < +$('high').value || +$('high').value === 1000")
    browser.run("$('auto').click()")
    settle(browser)
    assert browser.run("limits.length") == 0
    assert at_scale(browser)[labels].mean() > 200


def test_channels_have_limits_of_their_own(browser: Browser, found: Path) -> None:
    show(browser, found)
    browser.run("show(1)")
    settle(browser)
    off = "[$('low').disabled, $('high').disabled, $('auto').disabled]"
    choose, overlaid = (f"$('channel').value = '{value}'; $('channel').onchange()" for value in ("1", "all"))
    assert browser.run(f"[...{off}, $('range').innerText]") == [
        *[True, True, False],
        "Choose a channel to set its contrast",
    ]
    before = browser.run("[0, 1, 2].map(between)")
    browser.run(f"{choose}; $('low').value = +$('low').value + 200; $('low').oninput({{ target: $('low') }})")
    assert browser.run(off) == [False] * 3
    first, second, third = browser.run("[0, 1, 2].map(between)")
    assert [first, third] == [before[0], before[2]]
    assert second[0] > before[1][0]
    assert second[1] == before[1][1]
    browser.run(overlaid)
    settle(browser)
    assert browser.run("[0, 1, 2].map(between)") == [first, second, third]
    assert browser.run(off) == [True, True, False]


def test_the_colours_of_a_picture_share_their_limits(browser: Browser, tmp_path: Path) -> None:
    from nodes.views.found import found_view
    from nodes.views.slides import Album, Layer

    image, labels = disks(SIZE, 1, 3, 40)
    album = Album(1, 1, ["#ffd400"])
    scaled = image.array * np.array([1, 2, 3], np.uint16)[:, None, None]
    album.add("a", "", Image(scaled, "CYX", {}, ("red", "green", "blue")), [Layer(labels)])
    show(browser, write(tmp_path, found_view(album, {"prob": 0.5}, "CPU", previews=True).html))
    assert browser.run("shown.slide.colours")
    before = browser.run("between(0)")
    browser.run("$('high').value = 300; $('high').oninput({ target: $('high') })")
    first, *others = browser.run("[0, 1, 2].map(between)")
    assert others == [first, first]
    assert first[0] == before[0]
    assert first[1] < before[1]


def test_an_image_that_cannot_be_shown(browser: Browser, found: Path) -> None:
    show(browser, found)
    words, said = "$('words').innerText", "An image cannot be shown"
    browser.run("slides[1].layers[0].labels = 'AAAA'; unpacked.clear(); stepTo(1); show(1)")
    browser.run("opened(1).catch(() => new Promise(done => setTimeout(done, 50)))")
    assert browser.run(words).startswith(said)
    assert browser.run("[$('panel').innerText, chosen, hovered]") == [""] * 3
    for canvas in ("below", "over"):
        data = f"{canvas}.getContext('2d').getImageData(0, 0, {canvas}.width, {canvas}.height).data"
        assert browser.run(f"{data}.every(value => value === 0)")
    assert browser.run("['low', 'high', 'auto'].every(name => $(name).disabled)")
    browser.run("$('channel').onchange(); stepTo(1); whole(); resize()")
    browser.run("show(2)")
    settle(browser)
    assert browser.run(words) == ""
    # a failure that comes late leaves the image alone that is seen by then
    browser.run("unpacked.clear(); show(1); show(0)")
    browser.run("opened(1).catch(() => new Promise(done => setTimeout(done, 50)))")
    settle(browser)
    assert browser.run(f"[!!shown, now, {words}]") == [True, 0, ""]


def test_a_table_that_has_the_focus_scrolls(browser: Browser, scores: Path) -> None:
    show(browser, scores, 400)
    browser.run("document.querySelectorAll('.scroll')[1].focus()")
    browser.key(" ")
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight", windowsVirtualKeyCode=39)
    browser.run("new Promise(done => setTimeout(done, 300))")
    assert browser.run("[now, $('outlines').checked]") == [0, True]
    assert browser.run("document.querySelectorAll('.scroll')[1].scrollLeft") > 0


def test_a_contrast_once_chosen_holds_from_image_to_image(browser: Browser, scores: Path) -> None:
    show(browser, scores)
    browser.run("$('high').value = 400; $('high').oninput({target: $('high')})")
    before = browser.run("[between(0), $('range').innerText]")
    browser.run("show(1)")
    settle(browser)
    assert browser.run("[between(0), $('range').innerText]") == before


def test_matches_are_told_and_coloured(browser: Browser, scores: Path) -> None:
    show(browser, scores, 900, 800)
    browser.run("$('viewer').scrollIntoView()")
    browser.mouse("mouseMoved", *window(browser, 1))
    text = panel(browser)
    assert re.search(r"Object 1 · Drawn by hand\n.*Match, P\nnone, highest IoU 0.00\n.*object 1, IoU 1.00", text, re.S)
    assert "Object 1 · Q" in text
    assert "· P\n" not in text
    browser.mouse("mouseMoved", *window(browser, 12))
    assert "Object 12 · P" in panel(browser)
    browser.mouse("mouseMoved", 5, 5)
    boxes = "document.querySelectorAll('.layer')"
    browser.run(f"{boxes}[1].click(); {boxes}[2].click(); $('color').value = 'match'; $('color').oninput()")
    settle(browser)
    shown = at_scale(browser)
    rim = [np.asarray(ndimage.binary_dilation(nuclei()[1] == n, iterations=2)) for n in (1, 12)]
    assert near(shown, WRONG)[rim[0]].any()
    assert near(shown, RIGHT)[rim[1]].any()
    assert not near(shown, WRONG)[rim[1]].any()


def test_the_worst_image_comes_first_and_leads_to_its_picture(browser: Browser, scores: Path) -> None:
    show(browser, scores)
    first = "document.querySelectorAll('table')[1].tBodies[0].rows[0].cells"
    assert browser.run(f"[{first}[1].innerText, {first}[2].innerText]") == ["bad", "P"]
    browser.run(f"{first}[1].querySelector('button').click()")
    settle(browser)
    assert browser.run("[now, document.activeElement.id]") == [0, "over"]
    assert browser.run("Math.abs($('viewer').getBoundingClientRect().top) < 200")


def test_a_table_sorts_by_any_column(browser: Browser, scores: Path) -> None:
    show(browser, scores)
    heads = "document.querySelectorAll('table')[1].tHead.rows[0].cells"
    column = "[...document.querySelectorAll('table')[1].tBodies[0].rows].map(row => row.cells[{}].innerText)"
    for index, ascending in [(2, ["P", "P", "Q", "Q"]), (7, sorted(browser.run(column.format(7)), key=float))]:
        browser.run(f"{heads}[{index}].querySelector('button').click()")
        assert browser.run(column.format(index)) == ascending
        browser.run(f"{heads}[{index}].querySelector('button').click()")
        assert browser.run(column.format(index)) == ascending[::-1]
        assert browser.run(f"{heads}[{index}].ariaSort") == "descending"


def test_values_of_a_curve_are_read(browser: Browser, scores: Path) -> None:
    show(browser, scores)
    box = browser.run(
        "(b => [b.left, b.top, b.width, b.height])(document.querySelector('svg[data-chart]').getBoundingClientRect())"
    )
    said = "document.querySelector('.said').innerText.trim()"
    browser.mouse("mouseMoved", box[0] + 66 / 640 * box[2], box[1] + box[3] / 2)
    assert re.fullmatch(r"IoU threshold 0.5 · P 0\.\d+ · Q 1", browser.run(said))
    browser.mouse("mouseMoved", 5, 5)
    assert browser.run(said) == ""
    browser.run("document.querySelector('svg[data-chart]').focus()")
    for key in ("Home", "ArrowRight", "ArrowRight"):
        browser.key(key)
    assert browser.run(said).startswith("IoU threshold 0.6 · ")
    assert browser.run("now") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height", "least"), [(400, 300, 130), (1600, 1000, 600)])
def test_panels_of_any_size(
    browser: Browser, found: Path, scores: Path, width: int, height: int, least: int, scheme: str
) -> None:
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    for file in (found, scores):
        show(browser, file, width, height)
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run("stage.clientHeight") >= least
        ground = browser.screenshot()[2, 2].mean()
        assert ground < 60 if scheme == "dark" else ground > 200
    browser.run("$('display').open = true")
    menu = browser.run("(b => [b.left, b.right])(document.querySelector('.menu').getBoundingClientRect())")
    assert menu[0] >= 0
    assert menu[1] <= width
    browser.call("Emulation.setEmulatedMedia", features=[])


def test_in_a_frame_that_may_do_nothing_but_run_scripts(browser: Browser, found: Path, tmp_path: Path) -> None:
    page = escape(found.read_text("utf-8"))
    frame = f'<iframe sandbox="allow-scripts" style="width:800px;height:600px" srcdoc="{page}"></iframe>'
    browser.resize(900, 700)
    browser.open(write(tmp_path, frame))
    browser.run("new Promise(done => setTimeout(done, 800))")
    assert near(browser.screenshot(), YELLOW).any()
    assert not browser.complaints


KNIME = """
const calls = [];
let push = null;
class Service {
  static async getInstance() { return new this(); }
  baseService = { getConfig: () => ({ initialSelection: ['good'] }) };
  setReportingContent(text) { calls.push(['report', text]); }
  add(rows) { calls.push(['add', ...rows]); }
  remove(rows) { calls.push(['remove', ...rows]); }
  addOnSelectionChangeCallback(callback) { push = callback; }
}
const KnimeUIExtensionService = { ReportingService: Service, SelectionService: Service };
"""
"""A stand-in for KNIME's script, with what ours calls of it."""


def test_rows_selected_here_are_selected_in_knime(
    browser: Browser, scores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nodes.views import node_view

    show(browser, scores)
    assert not browser.run("[...document.querySelectorAll('.pick')].some(e => e.checkVisibility())")
    monkeypatch.setattr(node_view, "_knime_script", lambda: KNIME)
    view = node_view.node_view(scores.read_text("utf-8"), "<svg><title>x</title></svg>", rows=True)
    show(browser, write(tmp_path, view.html))
    browser.run("new Promise(done => setTimeout(done, 50))")
    settle(browser)
    assert browser.run("calls") == [["report", "<svg><title>x</title></svg>"]]
    assert browser.run("[now, $('mine').checked, $('mine').checkVisibility()]") == [1, True, True]
    assert browser.run("document.querySelectorAll('tr.picked').length") == 2
    browser.run("$('mine').click(); document.querySelector('input[data-row=bad]').click()")
    assert browser.run("calls.slice(1)") == [["remove", "good"], ["add", "bad"]]
    browser.run("push({ mode: 'ADD', selection: ['good', 'elsewhere'] })")
    assert browser.run("document.querySelectorAll('tr.picked').length") == 4
    browser.run("push({ mode: 'REPLACE', selection: ['bad'] })")
    settle(browser)
    assert browser.run("[now, $('mine').checked, document.querySelectorAll('tr.picked').length]") == [0, True, 2]
    assert browser.run("show(1), [$('mine').dataset.row, $('mine').checked]") == ["good", False]
    settle(browser)


def test_rows_are_selected_where_reports_fail(
    browser: Browser, scores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nodes.views import node_view

    failing = KNIME.replace("calls.push(['report', text])", "throw new Error('no report')")
    monkeypatch.setattr(node_view, "_knime_script", lambda: failing)
    view = node_view.node_view(scores.read_text("utf-8"), "<svg/>", rows=True)
    show(browser, write(tmp_path, view.html))
    browser.run("new Promise(done => setTimeout(done, 50))")
    settle(browser)
    assert browser.run("[now, $('mine').checked]") == [1, True]
