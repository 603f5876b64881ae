import importlib
from pathlib import Path

import numpy as np
import pytest

from digitrec.pipeline import fingerprint as naming
from digitrec.pipeline import seeding, stage
from digitrec.pipeline.fingerprint import LIBRARIES, fingerprint

ARRAY = np.arange(6, dtype=np.uint8)


def test_a_fingerprint_changes_with_settings_code_and_data() -> None:
    first = fingerprint({"lr": 1, "seed": 0}, [stage], [ARRAY])
    assert len(first) == 64
    assert fingerprint({"seed": 0, "lr": 1}, [stage], [ARRAY.copy()]) == first
    others = {
        fingerprint({"lr": 2, "seed": 0}, [stage], [ARRAY]),
        fingerprint({"lr": 1, "seed": 0}, [seeding], [ARRAY]),
        fingerprint({"lr": 1, "seed": 0}, [stage], [ARRAY + np.uint8(1)]),
        fingerprint({"lr": 1, "seed": 0}, [stage], [ARRAY.reshape(2, 3)]),
        fingerprint({"lr": 1, "seed": 0}, [stage]),
    }
    assert len(others | {first}) == 6


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_fingerprint_changes_with_each_librarys_version(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    first, version = fingerprint({}, []), naming.version
    monkeypatch.setattr(naming, "version", lambda name: "0.0" if name == library else version(name))
    assert fingerprint({}, []) != first


def test_the_order_of_modules_and_arrays_counts() -> None:
    assert fingerprint({}, [stage, seeding]) != fingerprint({}, [seeding, stage])
    assert fingerprint({}, [], [ARRAY, ARRAY[:2]]) != fingerprint({}, [], [ARRAY[:2], ARRAY])


def test_code_that_changes_while_it_runs_is_still_the_code_that_was_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "edited_meanwhile.py"
    path.write_text("NUMBER = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module(path.stem)
    first = fingerprint({}, [module])
    path.write_text("NUMBER = 1000\n")
    assert fingerprint({}, [module]) == first
    naming._source.cache_clear()
    assert fingerprint({}, [module]) != first
