from pathlib import Path

import numpy as np
import pytest

from digitrec.figures.robustness import MEAN, robustness_figure, samples_figure, title
from tests.figures.pictures import MANY, check_png, shown, some_images, texts

ACCURACIES = {
    "final": {"clean": 0.99, "fog": 0.6, "shot_noise": 0.8, "pgd_0.1": 0.05},
    "random_forest": {"clean": 0.95, "fog": 0.9, "shot_noise": 0.7, "pgd_0.1": 0.4},
}
KINDS = {"clean": "clean", "fog": "corruption", "shot_noise": "corruption", "pgd_0.1": "white_box"}
ROWS = [
    {"classifier": classifier, "condition": condition, "kind": KINDS[condition], "accuracy": f"{accuracy}"}
    for classifier, by_condition in ACCURACIES.items()
    for condition, accuracy in by_condition.items()
]


def test_the_table_has_every_accuracy_and_the_best_mean_first(tmp_path: Path) -> None:
    figure = robustness_figure(ROWS)
    [axes] = figure.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["random\nforest", "final"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["clean", "fog", "shot noise", MEAN, "PGD, eps 0.1"]
    numbers = [text.get_text() for text in axes.texts]
    assert numbers == ["95.0", "99.0", "90.0", "60.0", "70.0", "80.0", "80.0", "70.0", "40.0", "5.0"]
    assert [text.get_text() for text in axes.texts if text.get_weight() == "bold"] == ["80.0", "70.0"]
    check_png(figure, tmp_path)


def test_conditions_are_named_as_a_reader_would() -> None:
    assert title("fgsm_0.3") == "FGSM, eps 0.3"
    assert title("glass_blur") == "glass blur"


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (28, 1), (64, 3)])
def test_samples_say_what_the_image_is_taken_for(tmp_path: Path, side: int, channels: int) -> None:
    images = some_images(4, side, channels)
    rows = [{"condition": name, "answer": k, "label": 2} for k, name in enumerate(KINDS)]
    figure = samples_figure(images, rows, MANY, False)
    assert texts(figure)[:3] == [
        "'Greek/character03' under each condition, and what the final network takes it for",
        "clean\n→ Greek/\ncharacter01",
        "fog\n→ Greek/\ncharacter02",
    ]
    np.testing.assert_array_equal(shown(figure)[3], images[3] if channels == 3 else images[3, ..., 0])
    check_png(figure, tmp_path)
