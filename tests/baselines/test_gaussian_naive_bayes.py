from digitrec.baselines import gaussian_naive_bayes
from tests.tiny import baseline_accuracy, fit_baseline


def test_it_recognizes_digits() -> None:
    assert baseline_accuracy(gaussian_naive_bayes) > 0.6


def test_parameters_are_counted() -> None:
    model = fit_baseline(gaussian_naive_bayes)
    # A mean and a variance for each pixel and class, and ten priors.
    assert gaussian_naive_bayes.n_parameters(model) == 2 * 784 * 10 + 10
