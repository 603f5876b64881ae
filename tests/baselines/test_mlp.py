import numpy as np
import pytest

from digitrec.baselines import mlp
from tests.tiny import baseline_accuracy, baseline_predictions, fit_baseline


def test_it_recognizes_digits() -> None:
    assert baseline_accuracy(mlp) > 0.7


def test_parameters_are_counted() -> None:
    model = fit_baseline(mlp)
    assert mlp.n_parameters(model) == 785 * 100 + 101 * 10


def test_the_same_seed_gives_the_same_predictions_and_another_seed_another_model() -> None:
    first = baseline_predictions(fit_baseline(mlp))
    assert (first == baseline_predictions(fit_baseline.__wrapped__(mlp))).all()
    assert (first != baseline_predictions(fit_baseline(mlp, seed=1))).any()


@pytest.mark.parametrize(
    ("labels", "stops_early"),
    [
        (np.arange(200) % 10, True),
        # A tenth of these cannot be of all classes, and of a class with one image nothing can be held out.
        (np.arange(200) % 40, False),
        (np.append(np.zeros(199, int), 1), False),
    ],
)
def test_images_are_held_out_only_where_there_are_enough_of_each_class(labels: np.ndarray, stops_early: bool) -> None:
    pixels = np.eye(labels.max() + 1)[labels]
    model = mlp.build(0).fit(pixels, labels)
    assert (model.validation_scores_ is not None) is stops_early
    assert len(model.classes_) == labels.max() + 1
