"""A real browser, and what a person does with the page in it."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

# Milliseconds: on a busy machine all takes its time.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# For modules of such tests. Where all must be tested, they fail for want of it.
IN_A_BROWSER = [
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


@contextmanager
def a_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=2 * PATIENCE)
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser, url: str, **settings: Any) -> Iterator[Page]:
    """A page; at its end it must have complained of nothing, and asked nobody but the service."""
    page, complaints, asked = browser.new_page(**settings), [], []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    yield page
    page.close()
    assert complaints == [], complaints
    origin = re.match("http://[^/]+", url)[0]
    assert [at for at in asked if at != url and not at.startswith((f"{url.rstrip('/')}/", f"blob:{origin}/"))] == []


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
    """Numbers that the page shows, once all is answered and they have not changed for a third of a second."""
    expect(page.locator("#probabilities")).to_have_attribute("aria-busy", "false")
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


def shows(page: Page, pixels: np.ndarray) -> bool:
    """Whether the page comes to show these 28x28, which on a busy machine takes its time."""
    return any(np.array_equal(seen(page), pixels) for _ in range(10))
