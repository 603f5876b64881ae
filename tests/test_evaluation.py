import numpy as np

from digitrec.evaluation import evaluation_figures, prediction_rows
from tests.tiny import some_digits

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
