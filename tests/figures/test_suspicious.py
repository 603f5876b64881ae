import numpy as np
from matplotlib.figure import Figure

from digitrec.figures.suspicious import SHOWN, known_wrong_figure, suspicious_figure
from tests.tiny import DIGITS, some_digits

IMAGES, _ = some_digits(100)
# As a CSV file gives them.
ROWS = [
    {"index": str(k), "label": str(k % 10), "predicted": str((k + 1) % 10), "probability": "0.9132"} for k in range(99)
]


def _texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_most_suspicious_images_are_drawn_each_under_label_answer_and_probability() -> None:
    figure = suspicious_figure(IMAGES, ROWS, DIGITS)
    assert len(figure.axes[0].images) == SHOWN == 60
    np.testing.assert_array_equal(figure.axes[0].images[13].get_array(), IMAGES[13, ..., 0])
    texts = _texts(figure)
    assert f"Suspicious training labels: {SHOWN} of 99 (label → out-of-fold answer, its probability)" in texts
    assert texts.count("3 → 4\n91 %") == 6


def test_images_of_wrong_labels_are_drawn_with_their_numbers_and_answers_that_count_as_errors() -> None:
    rows = [ROWS[7] | {"predicted": "7"}, ROWS[51]]
    figure = known_wrong_figure(IMAGES, rows, DIGITS)
    np.testing.assert_array_equal(figure.axes[0].images[1].get_array(), IMAGES[51, ..., 0])
    texts = _texts(figure)
    assert {"no. 7\n7 → 7", "no. 51\n1 → 2"} < set(texts)
    assert any("Test labels known to be wrong: 2\n" in text and "1 answers count as errors" in text for text in texts)


def test_pictures_are_drawn_also_when_there_is_nothing_to_show() -> None:
    assert any("0 of 0" in text for text in _texts(suspicious_figure(IMAGES, [], DIGITS)))
    assert any("wrong: 0" in text for text in _texts(known_wrong_figure(IMAGES, [], DIGITS)))
