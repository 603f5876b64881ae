"""The page of a model of digits, in a real browser: drawing."""

import re

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect

from tests.serve.browsing import IN_A_BROWSER, STROKES, bars, draw, seen, shares, shows, watched
from tests.serve.conftest import PATH, Service
from tests.serve.proxy import proxy

pytestmark = IN_A_BROWSER


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


def test_a_stroke_is_taken_back_and_done_again(page: Page) -> None:
    draw(page, 7)
    expect(page.locator("#label")).to_have_text("7")
    seven = seen(page)
    draw(page, 3)
    both = seen(page)
    page.keyboard.press("Control+z")
    assert shows(page, seven)
    page.keyboard.press("Control+Shift+Z")
    assert shows(page, both)
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#verdict")).to_have_text("nothing drawn yet")
    # There is no more to take back.
    page.get_by_role("button", name="Undo").click()
    page.keyboard.press("Control+y")
    assert shows(page, seven)
    # What is drawn now takes the place of what was taken back.
    draw(page, 8)
    eight = seen(page)
    page.keyboard.press("Control+y")
    assert shows(page, eight)


def test_clear_is_taken_back_too(page: Page) -> None:
    draw(page, 7)
    draw(page, 3)
    before = seen(page)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#verdict")).to_have_text("nothing drawn yet")
    expect(page.locator("#label")).to_be_empty()
    assert bars(page) == [0] * 10
    assert not seen(page).any()
    # A blank sheet that is cleared again leaves nothing to take back.
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Undo").click()
    assert shows(page, before)


# What the key of Z, or where Z is on others, gives with Ctrl: its letter, its place, and whether Shift is held.
UNDO = {
    "caps lock": ("Z", "KeyZ", False),
    "Cyrillic": ("я", "KeyZ", False),
    "Cyrillic with caps lock": ("Я", "KeyZ", False),
    "Greek": ("ζ", "KeyZ", False),
    "Hebrew": ("ז", "KeyZ", False),
    "Arabic": ("ئ", "KeyZ", False),
    "Japanese": ("Process", "KeyZ", False),
    "German": ("z", "KeyY", False),
    "French": ("z", "KeyW", False),
}
REDO = {
    "caps lock": ("z", "KeyZ", True),
    "Cyrillic": ("Я", "KeyZ", True),
    "Cyrillic y": ("н", "KeyY", False),
    "German": ("Z", "KeyY", True),
    "German y": ("y", "KeyZ", False),
}


def press(page: Page, key: tuple[str, str, bool], holding: str = "ctrlKey") -> None:
    script = """([key, code, shiftKey, holding]) => {
        const init = {key, code, shiftKey, [holding]: true, bubbles: true, cancelable: true};
        return document.getElementById("sheet").dispatchEvent(new KeyboardEvent("keydown", init));
    }"""
    # The browser is told to do nothing of its own.
    assert page.evaluate(script, [*key, holding]) is False


def test_ctrl_z_is_known_on_any_keyboard(page: Page) -> None:
    def sheet() -> str:
        return page.evaluate("document.getElementById('sheet').toDataURL()")

    draw(page, 7)
    seven = sheet()
    draw(page, 3)
    both = sheet()
    for name, key in UNDO.items():
        press(page, key, "metaKey" if name == "French" else "ctrlKey")
        assert sheet() == seven, name
        press(page, ("y", "KeyY", False))
        assert sheet() == both, name
    for name, key in REDO.items():
        press(page, ("z", "KeyZ", False))
        press(page, key)
        assert sheet() == both, name


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
    assert shows(page, before)
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


def test_what_answers_in_the_services_place_is_not_taken_for_it(browser: Browser, service: Service) -> None:
    page = browser.new_page()
    page.goto(service.url)

    def refuse(route: Route) -> None:
        route.fulfill(status=413, content_type="text/html", body="<h1>413 Request Entity Too Large</h1>")

    page.route("**/predict*", refuse)
    draw(page, 7)
    expect(page.locator("#verdict")).to_have_text("Not the service, but something before it answers: 413")
    page.close()


@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("takes_away", [True, False])
def test_below_a_path_the_page_finds_its_service(
    browser: Browser, below: Service, takes_away: bool, slash: str
) -> None:
    with proxy(below.port, PATH, takes_away) as url, watched(browser, url + slash) as page:
        draw(page, 7)
        expect(page.locator("#label")).to_have_text("7")
        linked = page.get_by_role("link", name="openapi.json").evaluate("(link) => link.href")
        assert httpx.get(linked).json()["info"]["title"] == "digitrec"


def test_below_a_path_that_nobody_told_it_of_the_page_finds_its_service_too(browser: Browser, service: Service) -> None:
    with proxy(service.port, PATH, takes_away=True) as url, watched(browser, f"{url}/") as page:
        draw(page, 7)
        expect(page.locator("#label")).to_have_text("7")
