"""Whole pages over HTTP, and the page that shows what is read of them."""

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.reading.test_read_command import cover_of, paper
from tests.serve.browsing import IN_A_BROWSER, watched
from tests.serve.conftest import Service
from tests.serve.test_page_pictures import bring


def two_rows() -> bytes:
    return cv2.imencode(".png", paper(cover_of(["253", "746"])))[1].tobytes()


def test_a_page_is_answered_row_by_row_with_boxes(service: Service) -> None:
    answer = httpx.post(f"{service.url}/read", content=two_rows()).json()
    assert answer["text"] == ["253", "746"]
    assert [[digit["best"] for digit in row] for row in answer["rows"]] == [list("253"), list("746")]
    for row in answer["rows"]:
        lefts = [digit["box"][0] for digit in row]
        assert lefts == sorted(lefts)
        assert all(0 <= digit["box"][1] < digit["box"][3] <= answer["height"] for digit in row)
    assert answer["reason"] is None


def test_a_page_without_digits_says_so_and_what_is_no_image_is_refused(service: Service) -> None:
    blank = cv2.imencode(".png", np.full((60, 80), 255, np.uint8))[1].tobytes()
    answer = httpx.post(f"{service.url}/read", content=blank)
    assert (answer.status_code, answer.json()["rows"], answer.json()["text"]) == (200, [], [])
    assert answer.json()["reason"]
    refused = httpx.post(f"{service.url}/read", content=b"hello")
    assert refused.status_code == 422
    assert "is no image" in refused.json()["error"]


@pytest.mark.parametrize("way", ["choose", "drop", "paste"])
@pytest.mark.slow
@IN_A_BROWSER[1]
def test_a_page_is_shown_with_its_text_and_a_box_shows_what_the_network_got(
    browser: Browser, service: Service, way: str
) -> None:
    file = {"name": "page.png", "mimeType": "image/png", "buffer": two_rows()}
    with watched(browser, f"{service.url}/") as page:
        page.goto(f"{service.url}/pages")
        bring(page, way, file)
        expect(page.locator("#text")).to_have_text("253\n746")
        assert page.locator("button.box").all_inner_texts() == list("253746")
        page.locator("button.box").nth(1).click()
        expect(page.locator("figcaption")).to_contain_text("5 ")
        assert page.evaluate("document.getElementById('picture').width") > 0
