from digitrec.baselines import logistic_regression
from tests.tiny import baseline_accuracy, fit_baseline


def test_it_recognizes_digits() -> None:
    assert baseline_accuracy(logistic_regression) > 0.85


def test_parameters_are_counted() -> None:
    model = fit_baseline(logistic_regression)
    assert logistic_regression.n_parameters(model) == 784 * 10 + 10


def test_it_converges() -> None:
    model = fit_baseline(logistic_regression)
    assert model.n_iter_.max() < model.max_iter
