from digitrec.baselines import svm
from tests.tiny import baseline_accuracy, fit_baseline


def test_it_recognizes_digits() -> None:
    assert baseline_accuracy(svm) > 0.9


def test_parameters_are_counted() -> None:
    model = fit_baseline(svm)
    n_vectors = int(model[-1].n_support_.sum())
    # A mean and 50 components; vectors of 50; for each pair of classes coefficients and an intercept.
    assert svm.n_parameters(model) == 784 + 50 * 784 + 50 * n_vectors + 9 * n_vectors + 45
