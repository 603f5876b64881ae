"""Pictures on the page, in a real browser: of a model of digits, and of models that take pictures whole."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, TimeoutError, expect

from digitrec.serve.body import MAX_BYTES
from tests.exported import MANY, SHADES, export_means
from tests.serve.browsing import IN_A_BROWSER, STROKES, bars, draw, seen, settled, shares, shows, watched
from tests.serve.conftest import Service, running
from tests.serve.test_api import drawn_seven

pytestmark = IN_A_BROWSER
PHONE = {"viewport": {"width": 390, "height": 664}, "has_touch": True, "is_mobile": True}
WAYS = ("drop", "paste")


def bring(page: Page, way: str, file: dict[str, Any]) -> None:
    """Choose a file, drop it, or paste it."""
    if way == "choose":
        page.set_input_files("#file", file)
        return
    script = """([way, name, type, content]) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name, {type}));
        if (way === "drop") dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
        else dispatchEvent(new ClipboardEvent("paste", {clipboardData: transfer}));
    }"""
    content = base64.b64encode(file["buffer"]).decode()
    page.evaluate(script, [way, file["name"], file["mimeType"], content])


@pytest.mark.parametrize("way", ["choose", *WAYS])
def test_a_picture_of_a_digit_is_shown_and_read(page: Page, way: str) -> None:
    bring(page, way, as_file(np.asarray(drawn_seven())))
    expect(page.locator("#label")).to_have_text("7")
    assert seen(page).any()
    expect(page.get_by_text("Take a photo")).to_be_hidden()
    # A stroke takes the file's place.
    draw(page, 3)
    expect(page.locator("#label")).to_have_text("3")


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
    with watched(browser, colours.url) as page:
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
    with page.expect_file_chooser() as opened:
        page.locator("#sheet").click()
    # A browser opens one at a time, and takes a moment to close the first.
    opened.value.set_files([])
    page.locator("#sheet").focus()
    for attempt in range(30):
        try:
            with page.expect_file_chooser(timeout=2000):
                page.keyboard.press("Enter")
            break
        except TimeoutError:
            assert attempt < 29, "no file is asked for"
    expect(page.locator("#label")).to_be_empty()


def test_a_phone_offers_its_camera(browser: Browser, colours: Service) -> None:
    with watched(browser, colours.url, **PHONE) as page:
        expect(page.get_by_text("Take a photo")).to_be_visible()
        camera = page.locator("#camera")
        assert (camera.get_attribute("accept"), camera.get_attribute("capture")) == ("image/*", "environment")
        camera.set_input_files(picture((20, 60, 220), kind="jpeg"))
        expect(page.locator("#label")).to_have_text("blue")
        assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_is_dropped_or_pasted(browser: Browser, colours: Service, way: str) -> None:
    with watched(browser, colours.url) as page:
        bring(page, way, picture((10, 230, 20)))
        expect(page.locator("#label")).to_have_text("green")


def test_a_picture_is_pasted_from_the_clipboard(browser: Browser, service: Service) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(service.url)
    copy = """async (content) => {
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
        const picture = new Blob([bytes], {type: "image/png"});
        await navigator.clipboard.write([new ClipboardItem({"image/png": picture})]);
    }"""
    page.evaluate(copy, base64.b64encode(as_file(np.asarray(drawn_seven()))["buffer"]).decode())
    page.keyboard.press("Control+v")
    expect(page.locator("#label")).to_have_text("7")
    # Text is no picture, and takes none's place.
    page.evaluate("navigator.clipboard.writeText('7')")
    page.keyboard.press("Control+v")
    expect(page.locator("#label")).to_have_text("7")
    context.close()


def noise(height: int, width: int) -> np.ndarray:
    """A picture that compresses badly: bluish, left darker than right."""
    pixels = np.random.default_rng(0).integers(0, 128, (height, width, 3), np.uint8)
    pixels[..., 2] += 128
    pixels[:, : width // 2] //= 2
    return pixels


def as_file(pixels: np.ndarray, kind: str = "png", **options: Any) -> dict[str, Any]:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **options)
    return {"name": f"photo.{kind}", "mimeType": f"image/{kind}", "buffer": content.getvalue()}


@pytest.mark.parametrize("way", ["choose", *WAYS])
def test_a_photograph_of_too_many_bytes_is_made_smaller(browser: Browser, colours: Service, way: str) -> None:
    pixels = noise(1200, 1700)
    photo = as_file(pixels)
    assert len(photo["buffer"]) > MAX_BYTES
    with watched(browser, colours.url) as page:
        bring(page, way, photo)
        expect(page.locator("#label")).to_have_text("blue", timeout=30_000)
        found = colours_seen(page, 16, 24)
        for half in (slice(None, 10), slice(14, None)):
            expected = pixels[:, :850] if half.start is None else pixels[:, 850:]
            assert abs(found[:, half].mean((0, 1)) - expected.mean((0, 1))).max() < 8


def test_a_photograph_of_too_many_pixels_is_made_smaller_and_stays_upright(browser: Browser, colours: Service) -> None:
    """48 megapixels as a telephone takes them, on its side."""
    pixels = np.zeros((6000, 8000, 3), np.uint8)
    pixels[:, :4000, 2] = 255
    pixels[:, 4000:, 2] = 130
    exif = Image.Exif()
    # Turned to the right: what was on the left is above.
    exif[0x0112] = 6
    photo = as_file(pixels, "jpeg", exif=exif)
    assert len(photo["buffer"]) < MAX_BYTES
    with watched(browser, colours.url) as page:
        bring(page, "choose", photo)
        expect(page.locator("#label")).to_have_text("blue", timeout=60_000)
        # In the middle; a tall picture leaves the sides free.
        found = colours_seen(page, 16, 24)[:, 8:16, 2]
        assert abs(found[:6].mean() - 255) < 3
        assert abs(found[10:].mean() - 130) < 3


def test_a_large_drawing_on_a_transparent_page_stays_a_drawing(page: Page) -> None:
    """Black on nothing: laid on black, it would be lost."""
    pixels = np.zeros((5200, 5200, 4), np.uint8)
    drawing = Image.fromarray(pixels)
    ImageDraw.Draw(drawing).line([(x * 5200, y * 5200) for x, y in STROKES[7][0]], (0, 0, 0, 255), 300, "curve")
    bring(page, "choose", as_file(np.asarray(drawing)))
    expect(page.locator("#label")).to_have_text("7", timeout=60_000)
    # The box lies around it on the sheet as it does in the picture that was sent.
    box = page.evaluate(BOX)
    assert box == pytest.approx([0.27, 0.19, 0.73, 0.85], abs=0.03)


# The box on the sheet, which is the only thing there that is blue: left, top, right, bottom from 0 to 1.
BOX = """() => {
    const sheet = document.getElementById("sheet");
    const { data } = sheet.getContext("2d").getImageData(0, 0, sheet.width, sheet.height);
    const xs = [], ys = [];
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] < 200 || data[at + 2] < data[at] + 100) continue;
        xs.push(((at / 4) % sheet.width) / sheet.width);
        ys.push(Math.floor(at / 4 / sheet.width) / sheet.height);
    }
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}"""


def test_what_the_browser_cannot_show_is_sent_as_it_is(browser: Browser, service: Service) -> None:
    """TIFF, which Chromium does not know, is answered; what the service does not know, it says."""
    # Chromium itself complains of a refusal.
    page = browser.new_page()
    page.goto(service.url)
    bring(page, "choose", as_file(np.asarray(drawn_seven()), "tiff"))
    expect(page.locator("#label")).to_have_text("7")
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    bring(page, "drop", {"name": "IMG_1.HEIC", "mimeType": "image/heic", "buffer": heic})
    expect(page.locator("#verdict")).to_have_text(re.compile("^image: "))
    expect(page.locator("#label")).to_be_empty()
    page.close()


def test_what_the_browser_can_neither_show_nor_make_smaller_is_told_in_one_line(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.heic"
    large.write_bytes(bytes(MAX_BYTES + 1))
    page.set_input_files("#file", large)
    told = "large.heic has more than 5 MB and cannot be made smaller by this browser: save it as a JPEG"
    expect(page.locator("#verdict")).to_have_text(told)


def test_a_picture_that_took_a_drawings_place_is_taken_back(page: Page) -> None:
    draw(page, 3)
    three = seen(page)
    bring(page, "paste", as_file(np.asarray(drawn_seven())))
    expect(page.locator("#label")).to_have_text("7")
    seven = seen(page)
    page.keyboard.press("Control+z")
    expect(page.locator("#label")).to_have_text("3")
    assert shows(page, three)
    page.keyboard.press("Control+y")
    expect(page.locator("#label")).to_have_text("7")
    # A stroke takes the picture's place, and is taken back as well.
    draw(page, 8)
    expect(page.locator("#label")).to_have_text("8")
    page.keyboard.press("Control+z")
    expect(page.locator("#label")).to_have_text("7")
    assert shows(page, seven)


def test_a_picture_that_comes_too_late_takes_no_drawings_place(page: Page) -> None:
    """A large photograph takes its time; meanwhile somebody draws."""
    page.evaluate("""() => {
        const real = createImageBitmap;
        window.createImageBitmap = async (...given) => {
            await new Promise((resolve) => setTimeout(resolve, 1500));
            return real(...given);
        };
    }""")
    bring(page, "drop", as_file(np.asarray(drawn_seven())))
    draw(page, 3)
    expect(page.locator("#label")).to_have_text("3")
    page.wait_for_timeout(4000)
    expect(page.locator("#label")).to_have_text("3")


def test_of_many_classes_the_most_probable_are_shown_in_order(browser: Browser, tmp_path: Path) -> None:
    with running(export_means(tmp_path, MANY)) as service, watched(browser, service.url) as page:
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
    with running(export_means(tmp_path, SHADES)) as service, watched(browser, service.url, **PHONE) as page:
        expect(page.locator("#probabilities li")).to_have_count(11)
        page.set_input_files("#file", picture((255, 255, 255)))
        expect(page.locator("#label")).to_have_text("10 tenths of white")
        assert names(page) == list(SHADES.classes)
        assert bars(page)[-1] == max(bars(page)) > 0.5
        assert page.evaluate("document.documentElement.scrollWidth") == 390
