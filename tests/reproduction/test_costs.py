from collections import Counter

import numpy as np
import pytest

from digitrec.reproduction.costs import choice_by_test, lenet_verdicts, system_difference
from tests.reproduction.measured import confusion_matrix, make_measurements, make_run, make_system


def _system(name: str, rights: dict[int, int], **changes: object) -> dict:
    return make_system(name, *(make_run(seed, confusion_matrix(right)) for seed, right in rights.items()), **changes)


def test_systems_are_compared_by_the_seeds_that_both_have() -> None:
    measurements = make_measurements(_system("a", {0: 96, 1: 98, 2: 10}), _system("b", {1: 97, 0: 93, 5: 99}))
    difference = system_difference("a", "b", measurements)
    assert difference["mean"] == pytest.approx(2)
    half = 12.7062 * np.std([3, 1], ddof=1) / np.sqrt(2)
    assert difference["interval"] == pytest.approx((2 - half, 2 + half), rel=1e-4)
    assert (difference["seeds"], difference["shortened"]) == (2, False)


def test_without_a_common_seed_there_is_no_difference() -> None:
    measurements = make_measurements(_system("a", {0: 96}), _system("b", {1: 97}), _system("c", {}))
    assert system_difference("a", "b", measurements) is None
    assert system_difference("a", "c", measurements) is None
    assert system_difference("a", "d", measurements) is None


def test_one_shortened_system_marks_the_difference() -> None:
    measurements = make_measurements(_system("a", {0: 96}), _system("b", {0: 97}, shortened=True))
    assert system_difference("a", "b", measurements)["shortened"] is True
    assert system_difference("a", "b", measurements)["interval"] is None


def _with_curves(name: str, *curves: tuple[list[float], list[float] | None]) -> dict:
    runs = []
    for seed, (test, valid) in enumerate(curves):
        run = make_run(seed, confusion_matrix(), epochs=len(test), valid=None)
        for number, row in enumerate(run["history"]):
            row["test_accuracy"] = test[number]
            if valid is not None:
                row["valid_accuracy"] = valid[number]
        runs.append(run)
    return make_system(name, *runs)


def test_choosing_by_the_test_set_gains_what_the_validation_set_would_not_have_found() -> None:
    measurements = make_measurements(
        # The validation set finds epoch 2, the test set's best is epoch 3; then both agree.
        _with_curves("a", ([0.90, 0.95, 0.97], [0.90, 0.96, 0.95]), ([0.90, 0.95, 0.94], [0.90, 0.96, 0.95])),
        # Two epochs that are equally good: the first.
        _with_curves("b", ([0.90, 0.91, 0.94], [0.80, 0.96, 0.96])),
        _with_curves("c", ([0.90, 0.91, 0.94], None)),
        make_system("d"),
    )
    choice = choice_by_test(measurements)
    assert choice["mean"] == pytest.approx((2 + 0 + 3) / 3)
    assert (choice["lowest"], choice["highest"]) == pytest.approx((0, 3))
    assert (choice["runs"], choice["systems"], choice["shortened"]) == (3, 2, False)


def test_without_validation_images_there_is_no_choice_to_compare() -> None:
    assert choice_by_test(make_measurements(_with_curves("c", ([0.9, 0.91], None)))) is None


def test_lenets_numbers_are_counted_where_they_are_held_against_both_networks() -> None:
    def row(system: str, printed: str, verdict: str, epoch: int | None = None) -> dict:
        return {
            "system": system,
            "epoch": epoch,
            "quantity": "test_accuracy",
            "unit": "percent",
            "printed": printed,
            "verdict": verdict,
        }

    rows = [
        row("pham-lenet", "99.2", "lower"),
        row("pham-googlenet", "99.2", "reproduced"),
        row("pham-lenet-lr-2e-2", "99.3", "lower"),
        row("pham-googlenet-lr-2e-2", "99.3", "lower"),
        row("pham-lenet", "99", "not comparable"),
        # The same number of another epoch, held against one of them.
        row("pham-lenet", "99.2", "higher", epoch=10),
        row("pham-mlp", "97.3", "reproduced"),
    ]
    assert lenet_verdicts(rows) == {
        "pham-lenet": Counter({"lower": 2}),
        "pham-googlenet": Counter({"reproduced": 1, "lower": 1}),
    }
