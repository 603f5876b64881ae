import numpy as np
import pytest
from sklearn.model_selection import StratifiedShuffleSplit

from digitrec.data.enough import imbalance, split_problem, too_few

NAMES = ["cat", "dog", "ox"]


def test_enough_images_are_no_problem() -> None:
    assert too_few(np.array([10, 11, 12]), NAMES, 10, 0.1) == []
    assert too_few(np.array([2, 2, 2]), NAMES, 2, 0.0) == []


def test_more_folds_than_images_of_a_class_name_the_class() -> None:
    (problem,) = too_few(np.array([10, 2, 12]), NAMES, 3, 0.1)
    assert problem.startswith("search.cv: got 3, but the rarest class, 'dog', has 2 images for training")


def test_too_few_images_for_the_validation_name_the_share() -> None:
    (problem,) = too_few(np.array([4, 4, 4]), NAMES, 3, 0.1)
    assert problem.startswith("valid_fraction: got 0.1, which of 12 images in 3 classes (the rarest has 4) leaves no")


def test_a_share_is_refused_exactly_where_it_cannot_be_held_out() -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        counts = rng.integers(1, 6, rng.integers(2, 6))
        fraction = float(rng.choice([0.001, 0.1, 0.25, 1 / 3, 0.5, 0.7, 0.9, 0.999]))
        labels = np.repeat(np.arange(len(counts)), counts)
        try:
            next(StratifiedShuffleSplit(1, test_size=fraction, random_state=0).split(labels, labels))
            can_be = True
        except ValueError:
            can_be = False
        assert (split_problem(counts, fraction) is None) is can_be, (counts, fraction)
        refused += not can_be
    assert 50 < refused < 250


@pytest.mark.parametrize(("counts", "warned"), [([50, 6, 9], False), ([50, 5, 9], True), ([50, 0, 9], True)])
def test_a_class_ten_times_another_is_warned_of_with_what_to_do(counts: list[int], warned: bool) -> None:
    warning = imbalance(np.array(counts), NAMES)
    assert bool(warning) is warned
    if warning:
        assert warning.startswith(f"class 'cat' has 50 images to train with, 'dog' only {counts[1]}: ")
        assert "`class_weight: balanced`" in warning
