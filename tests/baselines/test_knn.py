from digitrec.baselines import knn
from tests.tiny import baseline_accuracy, fit_baseline


def test_it_recognizes_digits() -> None:
    assert baseline_accuracy(knn) > 0.9


def test_parameters_are_counted() -> None:
    model = fit_baseline(knn)
    assert knn.n_parameters(model) == 400 * 784


def test_three_neighbours_vote() -> None:
    assert knn.build(0).n_neighbors == 3
