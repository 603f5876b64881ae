import numpy as np
import pytest

from digitrec.evaluation import SAMPLES_A_CLASS, augmented_samples, evaluation_figures, prediction_rows
from tests.tiny import MODERN, NORMALIZATION, PLAIN, some_digits

IMAGES, LABELS = some_digits(200)


def _probabilities(predicted: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    rest = ((1 - confidence) / 9)[:, None]
    return np.where(np.arange(10) == predicted[:, None], confidence[:, None], rest)


PREDICTED = LABELS.copy()
PREDICTED[[3, 8, 20]] = (LABELS[[3, 8, 20]] + 1) % 10
CONFIDENCE = np.full(200, 0.95)
CONFIDENCE[[3, 8, 20]] = [0.5, 0.9, 0.7]
PROBABILITIES = _probabilities(PREDICTED, CONFIDENCE)
HISTORY = [{"epoch": 1, "train_loss": 1, "valid_loss": 1, "train_accuracy": 0.5, "valid_accuracy": 0.5}]


def test_a_row_says_label_prediction_and_both_probabilities() -> None:
    rows = prediction_rows(LABELS, PROBABILITIES)
    assert len(rows) == 200
    assert rows[8] == {
        "index": 8,
        "label": int(LABELS[8]),
        "predicted": int(PREDICTED[8]),
        "probability": 0.9,
        "probability_of_label": round(0.1 / 9, 4),
    }
    assert rows[0]["probability"] == rows[0]["probability_of_label"] == 0.95
    assert all(type(rows[0][key]) in (int, float) for key in rows[0])


def test_the_most_confident_wrong_answers_are_drawn_first() -> None:
    figure = evaluation_figures(IMAGES, LABELS, PROBABILITIES, HISTORY, 2)["errors"]
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 2
    np.testing.assert_array_equal(shown[0].images[0].get_array(), IMAGES[8])
    np.testing.assert_array_equal(shown[1].images[0].get_array(), IMAGES[20])
    assert shown[0].get_title() == f"{LABELS[8]} → {PREDICTED[8]}\n90 %"
    assert figure.get_suptitle().startswith("Wrong answers: 2 of 3")


def test_figures_are_drawn_also_when_nothing_is_wrong() -> None:
    figures = evaluation_figures(IMAGES, LABELS, _probabilities(LABELS, CONFIDENCE), HISTORY, 60)
    assert set(figures) == {"confusion", "history", "errors"}
    assert figures["errors"].get_suptitle().startswith("Wrong answers: 0 of 0")


def test_the_confusion_matrix_has_every_class_also_one_that_is_absent() -> None:
    some = LABELS != 9
    figure = evaluation_figures(IMAGES[some], LABELS[some], PROBABILITIES[some], HISTORY, 1)["confusion"]
    assert figure.axes[0].images[0].get_array().shape == (10, 10)


def test_samples_are_the_first_of_each_class_in_its_column() -> None:
    figures = augmented_samples(IMAGES, LABELS, MODERN, NORMALIZATION)
    shown = [axes for axes in figures["samples"].axes if axes.images]
    assert len(shown) == 10 * SAMPLES_A_CLASS
    assert [axes.get_title() for axes in shown] == [str(k) for k in range(10)] * SAMPLES_A_CLASS
    second_seven = np.flatnonzero(LABELS == 7)[1]
    np.testing.assert_array_equal(shown[17].images[0].get_array(), IMAGES[second_seven])


def test_the_augmented_samples_are_the_same_images_changed_within_the_recipe() -> None:
    figures = augmented_samples(IMAGES, LABELS, MODERN, NORMALIZATION)
    plain, changed = ([axes.images[0].get_array() for axes in figures[name].axes] for name in figures)
    assert list(figures) == ["samples", "samples_augmented"]
    for before, after in zip(plain, changed, strict=True):
        assert np.corrcoef(np.ravel(before), np.ravel(after))[0, 1] > 0.6
    assert not any(
        np.allclose((before / 255 - 0.3) / 0.35, after) for before, after in zip(plain, changed, strict=True)
    )
    assert figures["samples_augmented"].get_suptitle() == ("After augmentation: rotation ±5°, scale ±5 %, shift ±1 px")


def test_without_augmentation_the_picture_says_so_and_shows_the_images_as_they_are() -> None:
    figures = augmented_samples(IMAGES, LABELS, PLAIN, NORMALIZATION)
    assert figures["samples_augmented"].get_suptitle() == "After augmentation: none in this recipe"
    before, after = (figures[name].axes[0].images[0].get_array() for name in ("samples", "samples_augmented"))
    np.testing.assert_allclose((before / 255 - 0.3) / 0.35, after, atol=1e-4)


@pytest.mark.parametrize("n", [20, 60])
def test_samples_can_be_drawn_of_few_images(n: int) -> None:
    figures = augmented_samples(IMAGES[:n], LABELS[:n], MODERN, NORMALIZATION)
    assert any(axes.images for axes in figures["samples"].axes)
