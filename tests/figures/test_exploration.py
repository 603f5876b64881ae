from pathlib import Path

import numpy as np
import pytest

from digitrec.figures.exploration import (
    MOST_CLASSES,
    SAMPLES_A_CLASS,
    augmentation_figure,
    classes_figure,
    means_figure,
    samples_figure,
)
from tests.figures.pictures import DIGITS, MANY, check_png, shown, some_images, texts


def test_samples_are_the_first_of_each_class_below_its_name() -> None:
    images, labels = some_images(30), np.arange(30) % 3
    figure = samples_figure(images, labels, ["cat", "dog", "ox"], True)
    assert texts(figure) == ["Training images", "cat", "dog", "ox"]
    drawn = shown(figure)
    assert len(drawn) == 3 * SAMPLES_A_CLASS
    # The second of the second class.
    np.testing.assert_array_equal(drawn[SAMPLES_A_CLASS + 1], images[4, ..., 0])
    boxes = [image.get_extent() for image in figure.axes[0].images]
    assert len({box[0] for box in boxes[SAMPLES_A_CLASS : 2 * SAMPLES_A_CLASS]}) == 1
    assert boxes[0][1] < boxes[SAMPLES_A_CLASS][0]


def test_a_class_with_few_images_or_none_leaves_room() -> None:
    figure = samples_figure(some_images(4), np.array([0, 0, 0, 2]), ["cat", "dog", "ox"], True)
    assert len(shown(figure)) == 4
    assert texts(figure)[1:] == ["cat", "dog", "ox"]


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (64, 3)])
def test_of_many_classes_the_first_are_shown_and_the_title_says_so(tmp_path: Path, side: int, channels: int) -> None:
    labels = np.repeat(np.arange(136), 2)
    figure = samples_figure(some_images(272, side, channels), labels, MANY, False)
    assert texts(figure)[:2] == ["Training images: the first 40 of 136 classes", "Greek/\ncharacter01"]
    assert len(shown(figure)) == 2 * MOST_CLASSES
    check_png(figure, tmp_path)


def test_every_kind_of_augmentation_is_a_row_beside_its_title(tmp_path: Path) -> None:
    samples = some_images(6, 28, 3).reshape(2, 3, 28, 28, 3)
    rows = ["as they are", "crop to 50–90 %\nof the area,\nratio 0.75–1.33"]
    figure = augmentation_figure(samples, rows, ["Greek/character03", "dog", "ox"], False)
    assert texts(figure)[1:] == ["Greek/\ncharacter03", "dog", "ox", *rows]
    np.testing.assert_array_equal(shown(figure)[4], samples[1, 1])
    height = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
    for row, images in zip(rows, (figure.axes[0].images[:3], figure.axes[0].images[3:]), strict=True):
        for image in images:
            _, _, bottom, top = image.get_extent()
            assert top < height[row] < bottom
    check_png(figure, tmp_path)


def _counts(names: list[str], train: list[int], test: list[int]) -> list[dict[str, str]]:
    return [{"class": name, "train": f"{a}", "test": f"{b}"} for name, a, b in zip(names, train, test, strict=True)]


def test_bars_are_the_counts_of_training_and_test(tmp_path: Path) -> None:
    train, test = [10 * k for k in range(10)], [2] * 10
    figure = classes_figure(_counts(DIGITS, train, test))
    titles = [axes.get_title().partition(" (")[0] for axes in figure.axes]
    assert titles == ["Training: 450 images", "Test: 20 images"]
    for axes, counts in zip(figure.axes, (train, test), strict=True):
        assert [bar.get_width() for bar in axes.patches] == counts
        assert [text.get_text() for text in axes.texts] == [str(count) for count in counts]
        assert [label.get_text() for label in axes.get_yticklabels()] == DIGITS
        assert set(axes.lines[0].get_xdata()) == {sum(counts) / 10}
    check_png(figure, tmp_path)


def test_of_many_classes_the_largest_and_the_smallest_are_shown(tmp_path: Path) -> None:
    figure = classes_figure(_counts(MANY, list(range(136)), [1] * 136))
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [*range(135, 115, -1), *range(19, -1, -1)]
    assert axes.get_yticklabels()[0].get_text() == "Japanese_(k…/character68"
    assert figure.get_suptitle().endswith("the 20 with the fewest of 136")
    # Totals are those of all classes.
    assert axes.get_title().startswith("Training: 9,180 images")
    check_png(figure, tmp_path)


def test_means_are_those_that_were_given(tmp_path: Path) -> None:
    means = some_images(10)
    figure = means_figure(means, DIGITS, True)
    assert texts(figure) == ["Mean training image of each class", *DIGITS]
    np.testing.assert_array_equal(shown(figure)[3], means[3, ..., 0])
    assert texts(means_figure(some_images(136, 28, 3), MANY, False))[0].endswith("the first 40 of 136 classes")
    check_png(figure, tmp_path)
