from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from digitrec.figures.confusion import MOST_BARS, confusion_figure, count_confusion, draw_confusion
from tests.figures.pictures import DIGITS, MANY, check_png

CONFUSION = np.diag([10, 0, 30]) + np.array([[0, 2, 0], [0, 0, 0], [7, 0, 0]])


def test_answers_are_counted_label_by_prediction() -> None:
    labels, predicted = np.array([0, 0, 2, 2, 2], np.uint8), np.array([0, 1, 0, 2, 2])
    assert count_confusion(labels, predicted, 3).tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 2]]
    # Beyond what the labels' kind can hold.
    assert count_confusion(np.array([200], np.uint8), np.array([199]), 201)[200, 199] == 1


def test_the_matrix_shows_counts_and_names_and_colours_errors_only() -> None:
    before = CONFUSION.copy()
    axes = confusion_figure(CONFUSION, ["cat", "dog", "ox"]).axes[0]
    # Columns are predictions, rows are labels; zeros are left out.
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts == {(0, 0): "10", (1, 0): "2", (0, 2): "7", (2, 2): "30"}
    np.testing.assert_array_equal(axes.images[0].get_array(), CONFUSION - np.diag([10, 0, 30]))
    np.testing.assert_array_equal(CONFUSION, before)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "label")
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == ["cat", "dog", "ox"]


def _pairs(figure: Figure) -> list[tuple[dict[str, int], list[str]]]:
    return [
        (
            {
                name.get_text(): round(bar.get_width())
                for name, bar in zip(axes.get_yticklabels(), axes.patches, strict=True)
            },
            [text.get_text() for text in axes.texts],
        )
        for axes in figure.axes
    ]


def test_of_many_classes_the_most_confused_pairs_and_the_worst_classes_are_named() -> None:
    confusion = np.diag([20] * 136)
    confusion[3, 5], confusion[3, 9], confusion[130, 0] = 4, 1, 2
    figure = confusion_figure(confusion, MANY)
    pairs, classes = _pairs(figure)
    assert list(pairs[0].items()) == [
        ("Greek/character04 → Greek/character06", 4),
        ("Japanese_(k…/character63 → Greek/character01", 2),
        ("Greek/character04 → Greek/character10", 1),
    ]
    assert list(classes[0].items()) == [("Greek/character04", 5), ("Japanese_(k…/character63", 2)]
    assert classes[1] == ["5 of 25", "2 of 22"]
    assert figure.get_suptitle() == "Test set: 7 errors in 2,727 images of 136 classes"


def test_more_pairs_than_can_be_read_are_left_out() -> None:
    figure = confusion_figure(np.random.default_rng(0).integers(0, 3, (136, 136)), MANY)
    assert [len(pairs) for pairs, _ in _pairs(figure)] == [MOST_BARS, MOST_BARS]


# Errors in every cell or in one row.
@pytest.mark.parametrize(("names", "rows"), [(DIGITS, 10), (["three, with the thumb"] * 30, 1), (MANY, 136), (MANY, 0)])
def test_names_do_not_overlap(tmp_path: Path, names: list[str], rows: int) -> None:
    confusion = np.diag([1000] * len(names))
    confusion[:rows] = 234
    figure = confusion_figure(confusion, names)
    check_png(figure, tmp_path)
    for axes in figure.axes[:2]:
        for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
            boxes: list[Bbox] = [tick.get_window_extent() for tick in ticks if tick.get_text()]
            assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_a_matrix_can_stand_on_axes_that_are_there_without_names() -> None:
    figure = Figure()
    axes = figure.subplots()
    draw_confusion(axes, np.diag([3, 4]), "Here")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1"]
    assert axes.get_title() == "Here"
