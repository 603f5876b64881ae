import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from joblib import cpu_count

from digitrec.pipeline.stage import stopwatch
from tests.conftest import heed_interrupts

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from digitrec.errors import DataError, ParamsError
from digitrec.pipeline.stage import run_stage

def main(root, *names):
    assert root == Path.cwd()
    try:
        {body}
    finally:
        print("cleared up", *names)

run_stage(main, *sys.argv[1:])
"""


def _run(folder: Path, body: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", SCRIPT.format(body=body), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, preexec_fn=heed_interrupts)


def test_a_stage_that_ends_well_has_status_0_and_gets_its_arguments(tmp_path: Path) -> None:
    result = _run(tmp_path, "pass", "knn")
    assert (result.returncode, result.stdout, result.stderr) == (0, "cleared up knn\n", "")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("raise DataError('no image')", 1, "error: no image\n"),
        (
            "raise ParamsError(['lr: is wrong'])",
            2,
            "error: 1 mistake in params.yaml (nothing was run or written):\n  params.yaml: lr: is wrong\n",
        ),
    ],
)
def test_a_mistake_is_one_message_without_a_traceback(tmp_path: Path, body: str, status: int, message: str) -> None:
    result = _run(tmp_path, body)
    assert (result.returncode, result.stderr) == (status, message)


def test_a_disk_that_is_full_for_a_library_is_one_message_and_other_refusals_keep_their_traceback(
    tmp_path: Path,
) -> None:
    result = _run(tmp_path, f"raise OSError({errno.ENOSPC}, 'No space left on device', 'a.tsv')")
    assert result.returncode == 1
    assert result.stderr.startswith("error: [Errno 28] No space left on device: 'a.tsv'. Make room")
    assert "Traceback" not in result.stderr
    assert "Traceback" in _run(tmp_path, f"raise OSError({errno.EACCES}, 'Permission denied')").stderr


def test_our_own_errors_keep_their_traceback(tmp_path: Path) -> None:
    result = _run(tmp_path, "1 / 0")
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    ("kind", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_ends_in_its_status_after_clearing_up(tmp_path: Path, kind: signal.Signals, word: str) -> None:
    result = _run(tmp_path, f"os.kill(os.getpid(), {int(kind)}); time.sleep(30)")
    assert result.returncode == 128 + kind
    assert result.stdout == "cleared up\n"
    assert result.stderr == f"{word}: what was finished is kept; run the same command to go on\n"


def test_the_stopwatch_runs_in_the_block_and_stands_still_after_it() -> None:
    with stopwatch() as seconds:
        first = seconds()
        while seconds() <= first:
            pass
    end = seconds()
    assert end > first >= 0
    assert seconds() == end
    assert seconds() == end


@pytest.mark.parametrize("name", ["data", "metrics", "plots", "data/train"])
@pytest.mark.parametrize("there", [True, False])
def test_results_behind_a_link_are_refused_before_any_work_and_the_way_on_is_named(
    tmp_path: Path, name: str, there: bool
) -> None:
    project, other = tmp_path / "project", tmp_path / "other disk"
    (project / name).parent.mkdir(parents=True)
    (project / "dvc.yaml").write_text("stages:\n  a:\n    outs:\n      - data/train\n")
    if there or name == "data/train":
        other.mkdir()
    (project / name).symlink_to(other)
    result = _run(project, "print('worked')")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"error: {name} is a link to {other}, and DVC keeps no results behind links")
    assert "dvc cache dir --local PATH" in result.stderr


def test_links_that_dvc_makes_or_does_not_keep_are_well(tmp_path: Path) -> None:
    project, other = tmp_path / "project", tmp_path / "other disk"
    (project / "data/train").mkdir(parents=True)
    (project / "dvc.yaml").write_text("stages:\n  a:\n    outs:\n      - data/train\n      - data/own_index.json\n")
    (other / "cache").mkdir(parents=True)
    (other / "file").write_text("kept")
    # As with `cache.type symlink`, files alone.
    for path in ("data/own_index.json", "data/train/images.npy"):
        (project / path).symlink_to(other / "file")
    for path in (".dvc", "data/cache", "data/own"):
        (project / path).symlink_to(other / "cache")
    assert _run(project, "print('worked')").stdout == "worked\ncleared up\n"
    # Nor is it a matter of how one came to the project.
    (tmp_path / "way").symlink_to(project)
    assert _run(tmp_path / "way", "print('worked')").returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(cpu_count() < 2, reason="with one core, there is nothing to keep to")
def test_libraries_start_no_more_threads_than_there_are_cores_for_us(tmp_path: Path) -> None:
    """A container's share is told by a variable here that joblib heeds beside it, for nobody may set one's own."""
    body = "print(torch.get_num_threads(), *threads())"
    script = (
        "import numpy, torch; from threadpoolctl import threadpool_info\n"
        "def threads(): return {pool['num_threads'] for pool in threadpool_info()}\n" + SCRIPT.format(body=body)
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    for share, expected in ({"LOKY_MAX_CPU_COUNT": "1"}, "1 1"), ({"OMP_NUM_THREADS": "1"}, "1 1"):
        result = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, env=environment | share, capture_output=True, text=True
        )
        assert result.stdout == f"{expected}\ncleared up\n", result.stderr
