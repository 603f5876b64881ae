import doctest
from pathlib import Path

import cv2
import numpy as np
import pytest

import digitrec
from digitrec import Recognizer
from digitrec.errors import DigitrecError
from digitrec.reading import recognizer as module
from digitrec.reading.decoding import ImageError, decode
from tests.conftest import ROOT
from tests.exported import RED_GREEN_BLUE, export_means

DRAWN = ROOT / "tests/drawn/3_plain_003.png"
PRETRAINED = ROOT / "src/digitrec/pretrained"


@pytest.mark.parametrize("documented", [digitrec, module])
def test_examples_give_what_they_say(documented: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = doctest.testmod(documented)
    assert found.attempted > 2
    assert found.failed == 0


def test_a_file_its_content_and_its_pixels_are_answered_alike() -> None:
    recognizer = Recognizer(str(PRETRAINED))
    grey = decode(DRAWN.read_bytes(), DRAWN.name)
    rgb = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    answers = [recognizer.predict(image) for image in (DRAWN, str(DRAWN), DRAWN.read_bytes(), grey, rgb)]
    assert answers[0]["label"] == "3"
    assert all(answer == answers[0] for answer in answers)
    pages = [recognizer.read(image) for image in (DRAWN, grey, rgb)]
    assert pages[0]["text"] == ["3"]
    assert all(page == pages[0] for page in pages)


def test_colours_are_in_the_order_red_green_blue(tmp_path: Path) -> None:
    recognizer = Recognizer(export_means(tmp_path, RED_GREEN_BLUE))
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[..., 2] = 255
    assert recognizer.predict(pixels)["best"] == "blue"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("nowhere.png", "nowhere.png: "),
        (b"", "image: is empty"),
        (np.zeros((4, 4), np.float32), r"got float32 of shape \(4, 4\), expected uint8"),
        (np.zeros((4, 4, 4), np.uint8), r"got uint8 of shape \(4, 4, 4\), expected uint8"),
        (np.zeros((0, 4), np.uint8), r"got no pixels, shape \(0, 4\)"),
    ],
)
def test_what_is_no_image_is_told(image: object, message: str) -> None:
    recognizer = Recognizer(PRETRAINED)
    for ask in (recognizer.predict, recognizer.read):
        with pytest.raises(ImageError, match=message):
            ask(image)


def test_a_model_of_pictures_reads_no_pages(tmp_path: Path) -> None:
    recognizer = Recognizer(export_means(tmp_path, RED_GREEN_BLUE))
    with pytest.raises(DigitrecError, match="read looks for signs written on paper"):
        recognizer.read(np.zeros((4, 4), np.uint8))
