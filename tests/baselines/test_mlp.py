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
