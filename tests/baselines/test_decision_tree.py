from digitrec.baselines import decision_tree
from tests.tiny import baseline_accuracy, baseline_predictions, fit_baseline


def test_it_recognizes_digits() -> None:
    assert baseline_accuracy(decision_tree) > 0.6


def test_parameters_are_counted() -> None:
    model = fit_baseline(decision_tree)
    inner = int((model.tree_.feature >= 0).sum())
    leaves = int((model.tree_.feature < 0).sum())
    assert leaves == inner + 1
    assert decision_tree.n_parameters(model) == 2 * inner + leaves


def test_the_same_seed_gives_the_same_predictions_and_another_seed_another_model() -> None:
    first = baseline_predictions(fit_baseline(decision_tree))
    assert (first == baseline_predictions(fit_baseline.__wrapped__(decision_tree))).all()
    assert (first != baseline_predictions(fit_baseline(decision_tree, seed=1))).any()
