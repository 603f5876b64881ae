from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from matplotlib.colors import to_hex

from digitrec.figures.answers import answers_figure
from digitrec.figures.style import TRAIN, VALID
from tests.figures.pictures import check_png, shown, some_images, texts


class Seen(NamedTuple):
    image: np.ndarray


def _row(**changed: Any) -> dict[str, Any]:
    row = {"file": "photos/a.png", "label": "7", "best": "7", "probability": 0.987, "reason": None, "error": False}
    return row | changed


def test_answers_doubts_and_failures_are_told_over_the_file_s_name(tmp_path: Path) -> None:
    image = some_images(1)[0]
    figure = answers_figure(
        [
            (_row(), Seen(image)),
            (_row(label=None, best="Greek/character03", probability=0.4, reason="unsure: ..."), Seen(image)),
            (_row(label="three, with the thumb"), Seen(image)),
            (_row(label=None, reason="no digit found", file="blank.png"), None),
            (_row(label=None, reason="cannot be read: ...", error=True, file="x" * 30 + ".png"), None),
        ]
    )
    assert texts(figure) == [
        "7  98.7 %",
        "a.png",
        "unsure: Greek/\ncharacter03?\n40.0 %",
        "a.png",
        "three,…e thumb\n98.7 %",
        "a.png",
        "no digit found",
        "blank.png",
        "not read",
        "xxxxxxxxx…xxxxxx.png",
    ]
    colours = [to_hex(text.get_color()) for text in figure.axes[0].texts[::2]]
    assert colours == [TRAIN, VALID, TRAIN, VALID, VALID]
    assert len(shown(figure)) == 3
    np.testing.assert_array_equal(shown(figure)[0], image[..., 0])
    check_png(figure, tmp_path)


def test_a_name_of_bytes_that_are_no_utf_8_or_of_two_lines_is_told_as_it_is_written(tmp_path: Path) -> None:
    figure = answers_figure([(_row(file=name), Seen(some_images(1)[0])) for name in ("\udcff 3.png", "3\n3.png")])
    assert texts(figure) == ["7  98.7 %", "\\udcff 3.png", "7  98.7 %", "3\\n3.png"]
    check_png(figure, tmp_path)


def test_the_first_two_hundred_are_drawn_and_the_others_counted() -> None:
    figure = answers_figure([(_row(), Seen(some_images(1)[0]))] * 1201)
    assert texts(figure)[0] == "the first 200 of 1,201 images"
    assert len(shown(figure)) == 200


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (64, 3)])
def test_one_image_of_any_kind_can_be_drawn(tmp_path: Path, side: int, channels: int) -> None:
    check_png(answers_figure([(_row(), Seen(some_images(1, side, channels)[0]))]), tmp_path)
