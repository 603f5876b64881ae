"""Whole pages over HTTP, and the page that shows what is read of them."""

import re
import socket
from contextlib import ExitStack

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


def test_pages_that_come_slowly_hold_no_other_up(service: Service) -> None:
    with ExitStack() as slow:
        for _ in range(3):
            connection = slow.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=30))
            connection.sendall(b"POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n1")
        assert httpx.post(f"{service.url}/read", content=two_rows(), timeout=10).json()["text"] == ["253", "746"]


def as_file(content: bytes, kind: str = "png") -> dict:
    return {"name": f"page.{kind}", "mimeType": f"image/{kind}", "buffer": content}


@pytest.mark.parametrize(("way", "address"), [("choose", "/pages"), ("drop", "/pages/"), ("paste", "/pages//")])
@pytest.mark.slow
@IN_A_BROWSER[1]
def test_a_page_is_shown_with_its_text_and_a_box_shows_what_the_network_got(
    browser: Browser, service: Service, way: str, address: str
) -> None:
    with watched(browser, f"{service.url}/") as page:
        page.goto(service.url + address)
        bring(page, way, as_file(two_rows()))
        expect(page.locator("#text")).to_have_text("253\n746")
        assert page.locator("button.box").all_inner_texts() == list("253746")
        page.locator("button.box").nth(1).click()
        expect(page.locator("figcaption")).to_contain_text("5 ")
        expect(page.get_by_text("Take a photo")).to_be_hidden()
        page.get_by_role("link", name="One digit at a time").click()
        expect(page.locator("h1")).to_have_text("Draw a digit")


@pytest.mark.slow
@IN_A_BROWSER[1]
def test_boxes_lie_over_their_digits_on_a_wide_page_too(browser: Browser, service: Service) -> None:
    grey = np.kron(paper(cover_of(["2503 7746 3852"])), np.ones((2, 2), np.uint8))
    content = cv2.imencode(".png", grey)[1].tobytes()
    answer = httpx.post(f"{service.url}/read", content=content).json()
    with watched(browser, f"{service.url}/") as page:
        page.goto(f"{service.url}/pages")
        expect(page.locator("#hint")).to_be_visible()
        bring(page, "drop", as_file(content))
        expect(page.locator("#text")).to_have_text("250377463852")
        # As many pixels as are shown, and not as many as were sent.
        assert page.evaluate("document.getElementById('picture').width") == 1200 < grey.shape[1]
        canvas, box = (page.locator(name).bounding_box() for name in ("#picture", "button.box >> nth=0"))
        _, top, _, bottom = answer["rows"][0][0]["box"]
        for edge, expected in ((box["y"], top), (box["y"] + box["height"], bottom)):
            assert (edge - canvas["y"]) / canvas["height"] == pytest.approx(expected / answer["height"], abs=0.02)


@pytest.mark.slow
@IN_A_BROWSER[1]
def test_what_keeps_a_page_from_being_read_is_told(browser: Browser, service: Service) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{service.url}/pages")
    bring(page, "drop", as_file(two_rows()))
    copy = page.locator("#copy")
    copy.click()
    expect(copy).to_have_text("Copied")
    page.route("**/read*", lambda route: route.fulfill(status=413, content_type="text/html", body="<h1>413</h1>"))
    bring(page, "drop", as_file(two_rows()))
    expect(page.locator("#verdict")).to_have_text("Not the service, but something before it answers: 413")
    expect(copy).to_have_text("Copy text")
    # What the browser cannot show it cannot make smaller.
    bring(page, "choose", as_file(bytes(5_000_001), "tiff"))
    expect(page.locator("#verdict")).to_have_text(re.compile(r"^page\.tiff has more than 5 MB and cannot be made"))
    context.close()
