"""Photograph the page of `digitrec serve` for the README, in Chromium.

Reads   src/digitrec/pretrained
Writes  docs/page.png, docs/page_unsure.png, docs/page_phone.png

Usage: PYTHONPATH=src python -m docs.screenshots
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.drawing import curve
from tests.serve.browsing import ARGUMENTS, CHROMIUM
from tests.serve.conftest import running

ROOT = Path(__file__).parents[1]
DESKTOP, PHONE = {"width": 900, "height": 496}, {"width": 390, "height": 664}
# Curves through points from 0 to 1: a 3, something between a 4 and a 9, an 8.
THREE = [(0.3, 0.24), (0.48, 0.15), (0.66, 0.26), (0.6, 0.42), (0.45, 0.47), (0.66, 0.58), (0.64, 0.78), (0.3, 0.82)]
BETWEEN = [(0.54, 0.2), (0.36, 0.36), (0.35, 0.5), (0.5, 0.55), (0.66, 0.48), (0.68, 0.2), (0.66, 0.5), (0.62, 0.86)]
EIGHT = [(0.64, 0.26), (0.48, 0.15), (0.36, 0.3), (0.5, 0.47), (0.66, 0.66), (0.5, 0.85), (0.34, 0.68), (0.5, 0.47)]
EIGHT += [(0.66, 0.32), (0.62, 0.24)]


def photograph(page: Page, points: list[tuple[float, float]], path: Path) -> None:
    """Draw a curve with the mouse, wait for the answer, and save the page with few colours."""
    box = page.locator("#sheet").bounding_box()
    line = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in curve(np.array(points))]
    page.mouse.move(*line[0])
    page.mouse.down()
    for point in line:
        page.mouse.move(*point)
    page.mouse.up()
    expect(page.locator("#label")).not_to_be_empty()
    # The bars come to rest.
    page.wait_for_timeout(1000)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    print(path.relative_to(ROOT), page.locator("#label").inner_text(), page.locator("#verdict").inner_text())


def main() -> None:
    """Photograph a sure answer, an unsure one in the dark, and a phone."""
    views = (
        ("page.png", THREE, {"viewport": DESKTOP, "color_scheme": "light"}),
        ("page_unsure.png", BETWEEN, {"viewport": DESKTOP, "color_scheme": "dark"}),
        ("page_phone.png", EIGHT, {"viewport": PHONE, "color_scheme": "dark", "is_mobile": True, "has_touch": True}),
    )
    with running(ROOT / "src/digitrec/pretrained") as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, points, settings in views:
            page = browser.new_page(**settings)
            page.goto(service.url)
            photograph(page, points, ROOT / "docs" / name)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
