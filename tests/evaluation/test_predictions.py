import numpy as np

from digitrec.evaluation.predictions import prediction_rows, with_names

PROBABILITIES = np.array([[0.95, 0.03, 0.02], [0.1, 0.2, 0.7], [0.33333, 0.33334, 0.33333]], np.float32)
LABELS = np.array([0, 0, 1], np.uint8)


def test_a_row_says_label_prediction_and_both_probabilities() -> None:
    rows = prediction_rows(LABELS, PROBABILITIES)
    assert rows == [
        {"index": 0, "label": 0, "predicted": 0, "probability": 0.95, "probability_of_label": 0.95},
        {"index": 1, "label": 0, "predicted": 2, "probability": 0.7, "probability_of_label": 0.1},
        {"index": 2, "label": 1, "predicted": 1, "probability": 0.3333, "probability_of_label": 0.3333},
    ]
    assert all(type(value) in (int, float) for row in rows for value in row.values())


def test_names_take_the_place_of_numbers() -> None:
    rows = prediction_rows(LABELS, PROBABILITIES)
    named = with_names(rows, ["Greek/alpha", "ox", "Ω"])
    assert [(row["label"], row["predicted"]) for row in named] == [
        ("Greek/alpha", "Greek/alpha"),
        ("Greek/alpha", "Ω"),
        ("ox", "ox"),
    ]
    assert [row["probability"] for row in named] == [row["probability"] for row in rows]
    assert rows[0]["label"] == 0
