import numpy as np
import pytest

from digitrec.data.folder_split import held_out, places

DIGESTS = [bytes([number % 256, number // 256]) for number in range(600)]
LABELS = np.repeat([0, 1, 2], [300, 200, 100])


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_each_class_gives_the_same_share(share: float) -> None:
    test = held_out(LABELS, places(DIGESTS, 0), share)
    assert np.bincount(LABELS[test]).tolist() == [300 * share, 200 * share, 100 * share]


def test_another_seed_gives_another_split() -> None:
    first, second = (held_out(LABELS, places(DIGESTS, seed), 0.2) for seed in (0, 1))
    assert 0.1 < (first & second).sum() / first.sum() < 0.35
    np.testing.assert_array_equal(first, held_out(LABELS, places(DIGESTS, 0), 0.2))


def test_a_picture_more_moves_at_most_one_other_of_its_class_and_none_of_another() -> None:
    before = held_out(LABELS, places(DIGESTS, 0), 0.2)
    after = held_out(np.append(LABELS, 1), places([*DIGESTS, b"new"], 0), 0.2)[:-1]
    assert (before != after).sum() <= 1
    np.testing.assert_array_equal(before[LABELS != 1], after[LABELS != 1])


def test_copies_stay_together() -> None:
    digests = [bytes([number % 40]) for number in range(200)]
    test = held_out(np.zeros(200, int), places(digests, 0), 0.2)
    sides = {digest: {bool(test[at]) for at in range(200) if digests[at] == digest} for digest in digests}
    assert all(len(side) == 1 for side in sides.values())
    assert test.sum() == 40


@pytest.mark.parametrize(("n", "share", "n_test"), [(1, 0.5, 0), (2, 0.1, 1), (2, 0.9, 1), (3, 0.99, 2)])
def test_a_small_class_gives_one_and_keeps_one(n: int, share: float, n_test: int) -> None:
    assert held_out(np.zeros(n, int), places(DIGESTS[:n], 0), share).sum() == n_test
