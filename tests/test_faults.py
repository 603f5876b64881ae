"""The benchmark that lets things happen to pipelines."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Pipeline, environment_of

KINDS = ["kill-stage", "flip-cache"]


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.mark.slow
def test_a_round_of_two_kinds_ends_as_if_nothing_had_happened_and_is_not_played_again(
    finished: Pipeline, tmp_path: Path
) -> None:
    from faults import code_version

    pipeline = finished.copy(tmp_path / "clean/project")
    # Stages of which one is drawn, and that are soon done.
    seconds = dict.fromkeys(("normalize-stats", "compare-baselines"), 2)
    (tmp_path / "clean.json").write_text(json.dumps({"code": code_version(), "seconds": seconds}))
    command = [sys.executable, ROOT / "benchmarks/faults.py", "--rounds", "1", "--kinds", *KINDS]
    for _ in range(2):
        result = subprocess.run(
            [*command, "--folder", tmp_path, "--out", tmp_path / "faults.json"],
            cwd=ROOT,
            env=environment_of(ROOT / "src"),
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        counts = json.loads((tmp_path / "faults.json").read_text())["kinds"]
        for kind in KINDS:
            assert counts[kind]["rounds"] == 1
            assert counts[kind]["same"] + counts[kind]["mended"] + counts[kind]["verified"] == 1
        assert counts["kill-all"]["rounds"] == 0
    rows = (tmp_path / "rounds.jsonl").read_text().splitlines()
    assert [json.loads(row)["kind"] for row in rows] == KINDS
    assert not list(tmp_path.glob("round-*"))
    assert pipeline.snapshot() == finished.snapshot()


def test_a_round_that_a_killed_run_did_not_write_to_its_end_is_played_again(tmp_path: Path) -> None:
    from faults import rounds_of

    path = tmp_path / "rounds.jsonl"
    assert rounds_of(path) == {}
    path.write_text('{"kind": "a", "round": 0}\n{"kind": "a", "round": 1}\n{"kind": "a", "rou')
    assert set(rounds_of(path)) == {("a", 0), ("a", 1)}
    assert path.read_text().endswith('"round": 1}\n')


@pytest.mark.parametrize("keep_time", [True, False])
def test_one_bit_is_flipped_also_where_nobody_may_write(tmp_path: Path, keep_time: bool) -> None:
    from fault_project import flip

    path = tmp_path / "cached"
    path.write_bytes(bytes(100))
    path.chmod(0o444)
    os.utime(path, (0, 0))
    flip(path, random.Random(0), keep_time, (10, 12))
    content = path.read_bytes()
    assert sum(byte.bit_count() for byte in content) == sum(byte.bit_count() for byte in content[10:12]) == 1
    assert (path.stat().st_mtime == 0) is keep_time
    assert path.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize(
    ("printed", "commands"),
    [
        ("error: /p/a.json is damaged (why): remove it and run `dvc repro`.", ["rm '/p/a.json'", "dvc repro"]),
        ("error: /p/a.npy is damaged (by `b()`): remove it and run `dvc repro`.", ["rm '/p/a.npy'", "dvc repro"]),
        (
            "error: /p/a.safetensors: why. Remove /p/a* and run `dvc repro` to have it anew.",
            ["rm -f /p/a*", "dvc repro"],
        ),
        ("error: 2 of 9 files differ. `rm -f a b` and `dvc repro` to have them anew.", ["rm -f a b", "dvc repro"]),
        ("ERROR: busy\nyou can manually remove '/p/rwlock' and try again.", ["rm '/p/rwlock'"]),
        ("ERROR: failed to reproduce 'evaluate'", []),
    ],
)
def test_what_an_error_says_is_typed(printed: str, commands: list[str]) -> None:
    from fault_project import advised

    assert advised(printed) == commands
