"""The committed metrics against themselves, changed by more and by less than processors differ."""

import copy
from typing import Any

import pytest

from digitrec.pipeline.files import read_json
from digitrec.reproduction.agreement import ACCURACY_TOLERANCE, LOSS_TOLERANCE, compare_runs
from tests.tiny import ROOT

COMMITTED = read_json(ROOT / "reproduction/metrics/systems/ffn.json")


def _apart(**changes: Any) -> list[str]:
    found = copy.deepcopy(COMMITTED)
    last = found["runs"][0]["history"][-1]
    for name, change in changes.items():
        place = found if name in found else last
        place[name] = change(place[name])
    return [row.name for row in compare_runs(COMMITTED, found) if not row.agrees]


def test_what_is_the_same_agrees_in_every_number() -> None:
    assert _apart() == []
    names = [row.name for row in compare_runs(COMMITTED, COMMITTED)]
    assert {"n_parameters", "n_train", "train_loss", "test_accuracy", "valid_accuracy"} < set(names)


@pytest.mark.parametrize(
    ("name", "within", "beyond"),
    [
        ("test_accuracy", lambda share: share - 0.0025, lambda share: share - 0.0035),
        ("valid_accuracy", lambda share: share + 0.0025, lambda share: share + 0.0035),
        ("test_loss", lambda loss: loss * 1.02, lambda loss: loss * 1.04),
        ("n_parameters", lambda n: n, lambda n: n + 1),
        ("epochs", lambda n: n, lambda n: n - 1),
    ],
)
def test_numbers_may_differ_by_what_processors_do_and_no_more(name: str, within: Any, beyond: Any) -> None:
    assert _apart(**{name: within}) == []
    assert _apart(**{name: beyond}) == [name]


def test_the_documents_say_what_may_differ() -> None:
    words = f"allows {100 * ACCURACY_TOLERANCE:g} points of accuracy and {100 * LOSS_TOLERANCE:g} % of a loss"
    for name in ("README.md", "docs/published_systems.md"):
        assert words in " ".join((ROOT / name).read_text(encoding="utf-8").split()), name
