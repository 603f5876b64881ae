"""The page in a real browser."""

import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect, sync_playwright

from tests.serve.conftest import Service
from tests.serve.test_api import drawn_seven

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Where all must be tested, it fails for want of it.
pytestmark = pytest.mark.skipif(
    not CHROMIUM and not os.environ.get("CI"), reason="no chromium on the PATH (Debian: apt-get install chromium)"
)
# No sandbox, for containers that run as root; and no attempts to reach anything but the service.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
STROKES = {
    3: [[(0.33, 0.25), (0.5, 0.17), (0.66, 0.27), (0.62, 0.42), (0.46, 0.48),
         (0.64, 0.54), (0.7, 0.68), (0.55, 0.82), (0.33, 0.76)]],
    7: [[(0.3, 0.22), (0.7, 0.22), (0.45, 0.82)]],
    8: [[(0.62, 0.28), (0.48, 0.18), (0.36, 0.3), (0.5, 0.47), (0.66, 0.64),
         (0.52, 0.83), (0.36, 0.68), (0.5, 0.48), (0.64, 0.32), (0.62, 0.28)]],
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """The page; at its end it must have complained of nothing, and asked nobody but the service."""
    page, complaints, asked = browser.new_page(), [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(service.url)
    yield page
    page.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith((f"{service.url}/", f"blob:{service.url}/"))] == []


def draw(page: Page, digit: int) -> None:
    """Draw with the mouse, as a hand does: in many small moves."""
    box = page.locator("#sheet").bounding_box()
    for stroke in STROKES[digit]:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=5)
        page.mouse.up()


def shares(page: Page) -> list[float]:
    """The ten probabilities that the page shows, in per cent; empty where it shows none."""
    texts = page.locator("#probabilities .share").all_inner_texts()
    return [float(text.strip(">% ")) for text in texts if text]


def settled(page: Page, script: str) -> list[float]:
    """Numbers that the page shows, once they have not changed for a third of a second."""
    found: list[float] | None = None
    for _ in range(30):
        before, found = found, page.evaluate(script)
        if found == before:
            return found
        page.wait_for_timeout(350)
    raise AssertionError("the page does not come to rest")


def bars(page: Page) -> list[float]:
    """How long the ten bars are, 0 to 1."""
    script = "[...document.querySelectorAll('.bar')].map((bar) => new DOMMatrix(getComputedStyle(bar).transform).a)"
    return settled(page, script)


def seen(page: Page) -> np.ndarray:
    """The 28x28 that the page shows."""
    script = """() => {
        const context = new OffscreenCanvas(28, 28).getContext("2d", {willReadFrequently: true});
        context.drawImage(document.getElementById("seen"), 0, 0);
        return [...context.getImageData(0, 0, 28, 28).data];
    }"""
    return np.array(settled(page, script)).reshape(28, 28, 4)[..., 0]


@pytest.mark.parametrize("digit", STROKES)
def test_a_digit_drawn_by_mouse_is_read(page: Page, service: Service, digit: int) -> None:
    expect(page.locator("#verdict")).to_have_text("nothing drawn yet")
    draw(page, digit)
    expect(page.locator("#digit")).to_have_text(str(digit))
    expect(page.locator("#verdict")).to_have_text(re.compile(r"^>?\d+\.\d\s% sure$"))
    assert int(np.argmax(shares(page))) == digit
    assert bars(page) == pytest.approx([share / 100 for share in shares(page)], abs=1e-3)
    # What is shown is what the service was asked last.
    asked = httpx.post(f"{service.url}/predict", json={"pixels": seen(page).tolist()}).json()
    assert 100 * asked["probability"] == pytest.approx(max(shares(page)), abs=0.11)


def test_the_probabilities_move_while_the_pen_is_down(page: Page) -> None:
    box = page.locator("#sheet").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    found = []
    for y in (0.5, 0.8):
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + y * box["height"], steps=5)
        # On a busy machine the first answer takes its time.
        expect(page.locator("#probabilities .share").first).not_to_be_empty(timeout=60_000)
        found.append((seen(page), shares(page)))
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"], steps=5)
    found.append((seen(page), shares(page)))
    assert all(len(values) == 10 for _, values in found)
    assert found[1][1] != found[2][1]
    assert not np.array_equal(found[1][0], found[2][0])


def test_clear_and_undo_take_strokes_away(page: Page) -> None:
    draw(page, 7)
    expect(page.locator("#digit")).to_have_text("7")
    before = seen(page)
    draw(page, 3)
    page.keyboard.press("Control+z")
    expect(page.locator("#digit")).to_have_text("7")
    assert np.array_equal(seen(page), before)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#verdict")).to_have_text("nothing drawn yet")
    expect(page.locator("#digit")).to_be_empty()
    assert bars(page) == [0] * 10
    assert not seen(page).any()


def test_a_one_is_drawn_by_keys_alone(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "sheet"
    page.keyboard.press("Space")
    for _ in range(13):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    # With the pen lifted, nothing is drawn any more.
    before = seen(page)
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    # A dot, taken back: the service is asked again.
    for key in ("Space", "Space", "Control+z"):
        page.keyboard.press(key)
    assert np.array_equal(seen(page), before)
    expect(page.locator("#digit")).to_have_text("1")
    page.keyboard.press("Delete")
    expect(page.locator("#verdict")).to_have_text("nothing drawn yet")


def test_two_arrows_held_go_aslant(page: Page) -> None:
    page.locator("#sheet").focus()
    page.keyboard.press("Space")
    page.keyboard.down("ArrowLeft")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    page.keyboard.up("ArrowLeft")
    rows, columns = np.nonzero(seen(page) > 127)
    assert np.corrcoef(rows, columns)[0, 1] < -0.9


def test_a_finger_draws_and_does_not_scroll(browser: Browser, service: Service) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 600}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(service.url)
    box = page.locator("#sheet").bounding_box()
    touch = context.new_cdp_session(page)
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in STROKES[7][0]]
    kinds = ["touchStart", "touchMove", "touchMove"]
    for kind, (x, y) in zip(kinds, points, strict=True):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator("#digit")).to_have_text("7")
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("getComputedStyle(document.getElementById('sheet')).touchAction") == "none"
    # The page is no wider than the phone.
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


@pytest.mark.parametrize("size", [(360, 640), (740, 360)])
def test_the_sheet_is_in_view_whole_on_a_phone_either_way_up(
    browser: Browser, service: Service, size: tuple[int, int]
) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(service.url)
    box = page.locator("#sheet").bounding_box()
    assert box["y"] + box["height"] < size[1]
    page.close()


def _png() -> bytes:
    content = io.BytesIO()
    drawn_seven().save(content, "png")
    return content.getvalue()


def test_a_file_is_opened_shown_and_read(page: Page) -> None:
    page.set_input_files("#file", {"name": "seven.png", "mimeType": "image/png", "buffer": _png()})
    expect(page.locator("#digit")).to_have_text("7")
    assert seen(page).any()
    # A stroke takes the file's place.
    draw(page, 3)
    expect(page.locator("#digit")).to_have_text("3")


def test_a_file_is_dropped(page: Page) -> None:
    script = """(content) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(content)], "seven.png", {type: "image/png"}));
        dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
    }"""
    page.evaluate(script, list(_png()))
    expect(page.locator("#digit")).to_have_text("7")


def test_a_file_that_is_refused_is_told_in_one_line(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(bytes(5_000_001))
    page.set_input_files("#file", large)
    expect(page.locator("#verdict")).to_have_text("large.png has more than 5 MB, the most that is taken")


def test_a_service_that_has_ended_is_told(browser: Browser, service: Service) -> None:
    page = browser.new_page()
    page.goto(service.url)

    def gone(route: Route) -> None:
        route.abort("connectionrefused")

    page.route("**/predict*", gone)
    draw(page, 7)
    expect(page.locator("#verdict")).to_have_text("The service does not answer: is it still running?")
    page.unroute("**/predict*")
    draw(page, 7)
    expect(page.locator("#digit")).to_have_text("7")
    page.close()


def test_other_pages_may_not_show_it(browser: Browser, service: Service) -> None:
    page = browser.new_page()
    page.set_content(f'<iframe src="{service.url}" width="500" height="500"></iframe>')
    page.wait_for_timeout(500)
    frames = [frame for frame in page.frames if frame != page.main_frame]
    with pytest.raises(Error):
        frames[0].locator("#sheet").click(timeout=500)
    page.close()


def test_dark_mode_is_dark(browser: Browser, service: Service) -> None:
    levels = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(service.url)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        draw(page, 3)
        expect(page.locator("#digit")).to_have_text("3")
        levels[scheme] = np.mean([int(value) for value in re.findall(r"\d+", colour)[:3]]), seen(page)
        page.close()
    assert levels["light"][0] > 200
    assert levels["dark"][0] < 60
    # What the service gets is the same.
    assert np.array_equal(levels["light"][1], levels["dark"][1])
