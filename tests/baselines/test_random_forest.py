from digitrec.baselines import random_forest
from tests.tiny import baseline_accuracy, baseline_predictions, fit_baseline


def test_it_recognizes_digits() -> None:
    assert baseline_accuracy(random_forest) > 0.85


def test_parameters_are_counted() -> None:
    model = fit_baseline(random_forest)
    inner = sum(int((tree.tree_.feature >= 0).sum()) for tree in model.estimators_)
    leaves = sum(int((tree.tree_.feature < 0).sum()) for tree in model.estimators_)
    assert len(model.estimators_) == 100
    assert random_forest.n_parameters(model) == 2 * inner + leaves


def test_the_same_seed_gives_the_same_predictions_and_another_seed_another_model() -> None:
    first = baseline_predictions(fit_baseline(random_forest))
    assert (first == baseline_predictions(fit_baseline.__wrapped__(random_forest))).all()
    assert (first != baseline_predictions(fit_baseline(random_forest, seed=1))).any()
