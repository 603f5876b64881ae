import numpy as np

from digitrec.baselines import knn
from tests.tiny import baseline_accuracy, fit_baseline


def test_it_recognizes_digits() -> None:
    assert baseline_accuracy(knn) > 0.9


def test_parameters_are_counted() -> None:
    model = fit_baseline(knn)
    assert knn.n_parameters(model) == 400 * 784


def test_a_stray_neighbour_is_outvoted() -> None:
    places, labels = np.array([[0.0], [0.2], [0.3], [5.0], [5.1], [5.2]]), [1, 0, 0, 1, 1, 1]
    model = knn.build(0).fit(places, labels)
    assert model.predict([[0.0], [5.1]]).tolist() == [0, 1]
