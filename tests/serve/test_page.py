"""The page in a real browser."""

import io
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Error, Page, Route, expect, sync_playwright

from tests.exported import MANY, SHADES, export_means
from tests.serve.conftest import Service, running
from tests.serve.test_api import drawn_seven

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Where all must be tested, it fails for want of it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM and not os.environ.get("CI"), reason="no chromium on the PATH (Debian: apt-get install chromium)"
    ),
]
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
    with watched(browser, service) as page:
        yield page


@contextmanager
def watched(browser: Browser, service: Service, **settings: Any) -> Iterator[Page]:
    page, complaints, asked = browser.new_page(**settings), [], []
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
    expect(page.locator("h1")).to_have_text("Draw a digit")
    for of_pictures in page.locator(".for-pictures").all():
        expect(of_pictures).to_be_hidden()
    draw(page, digit)
    expect(page.locator("#label")).to_have_text(str(digit))
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
    expect(page.locator("#label")).to_have_text("7")
    before = seen(page)
    draw(page, 3)
    page.keyboard.press("Control+z")
    expect(page.locator("#label")).to_have_text("7")
    assert np.array_equal(seen(page), before)
    draw(page, 3)
    # The same key of a Cyrillic keyboard.
    script = "dispatchEvent(new KeyboardEvent('keydown', {key: 'я', code: 'KeyZ', ctrlKey: true, cancelable: true}))"
    page.evaluate(script)
    assert np.array_equal(seen(page), before)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#verdict")).to_have_text("nothing drawn yet")
    expect(page.locator("#label")).to_be_empty()
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
    expect(page.locator("#label")).to_have_text("1")
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
    expect(page.locator("#label")).to_have_text("7")
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
    expect(page.locator("#label")).to_have_text("7")
    assert seen(page).any()
    expect(page.get_by_text("Take a photo")).to_be_hidden()
    # A stroke takes the file's place.
    draw(page, 3)
    expect(page.locator("#label")).to_have_text("3")


def test_a_file_is_dropped(page: Page) -> None:
    script = """(content) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(content)], "seven.png", {type: "image/png"}));
        dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
    }"""
    page.evaluate(script, list(_png()))
    expect(page.locator("#label")).to_have_text("7")


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
    expect(page.locator("#label")).to_have_text("7")
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
        expect(page.locator("#label")).to_have_text("3")
        levels[scheme] = np.mean([int(value) for value in re.findall(r"\d+", colour)[:3]]), seen(page)
        page.close()
    assert levels["light"][0] > 200
    assert levels["dark"][0] < 60
    # What the service gets is the same.
    assert np.array_equal(levels["light"][1], levels["dark"][1])


# A model of pictures

PHONE = {"viewport": {"width": 390, "height": 664}, "has_touch": True, "is_mobile": True}


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (300, 200), kind: str = "png") -> dict[str, Any]:
    """A file that is one colour but for a corner."""
    image = Image.new("RGB", size, colour)
    image.paste((255, 255, 255), (0, 0, size[0] // 5, size[1] // 5))
    content = io.BytesIO()
    image.save(content, kind)
    return {"name": f"picture.{kind}", "mimeType": f"image/{kind}", "buffer": content.getvalue()}


def colours_seen(page: Page, height: int, width: int) -> np.ndarray:
    """What the network got, as the page shows it."""
    script = f"""() => {{
        const context = new OffscreenCanvas({width}, {height}).getContext("2d", {{willReadFrequently: true}});
        context.drawImage(document.getElementById("seen"), 0, 0);
        return [...context.getImageData(0, 0, {width}, {height}).data];
    }}"""
    return np.array(settled(page, script)).reshape(height, width, 4)[..., :3]


def names(page: Page) -> list[str]:
    return page.locator("#probabilities .name").all_inner_texts()


def test_a_page_of_pictures_offers_a_file_and_nothing_to_draw_with(browser: Browser, colours: Service) -> None:
    with watched(browser, colours) as page:
        expect(page.locator("h1")).to_have_text("Show a picture")
        expect(page.locator("#verdict")).to_have_text("no picture yet")
        expect(page.locator("#hint")).to_be_visible()
        expect(page.get_by_role("button", name="Undo")).to_be_hidden()
        # A desktop has no camera that is held to things.
        expect(page.get_by_text("Take a photo")).to_be_hidden()
        assert names(page) == ["red", "green", "blue"]
        assert "digit" not in page.locator("body").inner_text().lower().replace("digitrec", "")
        assert "pen" not in page.locator("body").inner_text().lower().split()
        draw_nothing(page)
        page.set_input_files("#file", picture((200, 30, 40)))
        expect(page.locator("#label")).to_have_text("red")
        expect(page.locator("#verdict")).to_have_text(re.compile(r"^>?\d+\.\d\s% sure$"))
        expect(page.locator("#hint")).to_be_hidden()
        shown = colours_seen(page, 16, 24)
        assert shown[-1, -1].tolist() == [200, 30, 40]
        assert shown[0, 0].tolist() == [255, 255, 255]
        assert int(np.argmax(shares(page))) == 0
        page.keyboard.press("Delete")
        expect(page.locator("#verdict")).to_have_text("no picture yet")


def draw_nothing(page: Page) -> None:
    """Where pictures are shown, the mouse leaves no stroke: it opens a file, as a key does."""
    with page.expect_file_chooser():
        page.locator("#sheet").click()
    page.locator("#sheet").focus()
    with page.expect_file_chooser():
        page.keyboard.press("Enter")
    expect(page.locator("#label")).to_be_empty()


def test_a_phone_offers_its_camera(browser: Browser, colours: Service) -> None:
    with watched(browser, colours, **PHONE) as page:
        expect(page.get_by_text("Take a photo")).to_be_visible()
        camera = page.locator("#camera")
        assert (camera.get_attribute("accept"), camera.get_attribute("capture")) == ("image/*", "environment")
        camera.set_input_files(picture((20, 60, 220), kind="jpeg"))
        expect(page.locator("#label")).to_have_text("blue")
        assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(browser: Browser, colours: Service, kind: str) -> None:
    script = """([kind, content]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(content)], "picture.png", {type: "image/png"}));
        if (kind === "drop") dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
        else dispatchEvent(new ClipboardEvent("paste", {clipboardData: transfer}));
    }"""
    with watched(browser, colours) as page:
        page.evaluate(script, [kind, list(picture((10, 230, 20))["buffer"])])
        expect(page.locator("#label")).to_have_text("green")


def test_a_photograph_that_is_too_large_is_made_smaller(browser: Browser, colours: Service) -> None:
    noise = np.random.default_rng(0).integers(0, 128, (1200, 1700, 3), np.uint8)
    noise[..., 2] += 128
    content = io.BytesIO()
    Image.fromarray(noise).save(content, "png")
    assert content.tell() > 5_000_000
    with watched(browser, colours) as page:
        page.set_input_files("#file", {"name": "p.png", "mimeType": "image/png", "buffer": content.getvalue()})
        expect(page.locator("#label")).to_have_text("blue", timeout=30_000)
        assert abs(colours_seen(page, 16, 24) - noise.mean((0, 1))).max() < 8


def test_of_many_classes_the_most_probable_are_shown_in_order(browser: Browser, tmp_path: Path) -> None:
    with running(export_means(tmp_path, MANY)) as service, watched(browser, service) as page:
        expect(page.locator("#probabilities li")).to_have_count(12)
        assert names(page) == [""] * 12
        page.set_input_files("#file", picture((128, 128, 128)))
        expect(page.locator("#label")).to_have_text(re.compile("fortieths of white"))
        found = shares(page)
        assert found == sorted(found, reverse=True)
        assert found[0] > found[3]
        assert names(page)[0] == page.locator("#label").inner_text()
        assert len(set(names(page))) == 12
        # Below the most probable one come its neighbours.
        tenths = [int(name.split()[0]) for name in names(page)[:3]]
        assert max(tenths) - min(tenths) == 2


def test_eleven_classes_keep_their_order(browser: Browser, tmp_path: Path) -> None:
    with running(export_means(tmp_path, SHADES)) as service, watched(browser, service, **PHONE) as page:
        expect(page.locator("#probabilities li")).to_have_count(11)
        page.set_input_files("#file", picture((255, 255, 255)))
        expect(page.locator("#label")).to_have_text("10 tenths of white")
        assert names(page) == list(SHADES.classes)
        assert bars(page)[-1] == max(bars(page)) > 0.5
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_behind_a_prefix_the_page_finds_its_service(browser: Browser, service: Service) -> None:
    page = browser.new_page()

    def forward(route: Route) -> None:
        route.continue_(url=route.request.url.replace("/proxy/8000/", "/"))

    page.route("**/proxy/8000/**", forward)
    page.goto(f"{service.url}/proxy/8000/")
    draw(page, 7)
    expect(page.locator("#label")).to_have_text("7")
    page.close()
