"""Nothing is sent to anybody, and nobody's home folder is written to: seen from outside, by the calls to the system."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, Pipeline
from tests.dask_cluster import Cluster
from tests.data.pictures import write_classes
from tests.serve.conftest import running
from tests.tracing import can_trace, home_of, left_in, reached, traced

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not can_trace() and not os.environ.get("CI"), reason="no strace that works (Debian: apt-get install strace)"
    ),
]
DIGITREC = [sys.executable, "-c", "from digitrec.cli import main; main()"]
PICTURE = str(ROOT / "tests/drawn/3_plain_003.png")
# What a library computes once for all programs of a person and tells nobody.
KEPT = ".cache/matplotlib/"


def _watch(folder: Path, *command: str, **environment: str) -> tuple[list[str], list[str]]:
    """Run a command to its end; what it reached, and what it left in the home folder."""
    home = home_of(folder / "home")
    known = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([*traced(folder / "trace"), *command], cwd=ROOT, env=known | home | environment)
    assert done.returncode == 0
    return reached(folder / "trace"), left_in(folder / "home")


def test_what_leaves_this_machine_would_be_seen(tmp_path: Path) -> None:
    """Of addresses that lead nowhere, and of a program that is started."""
    script = """
import socket, subprocess
for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 443)),
    (socket.AF_INET6, socket.SOCK_STREAM, ("2001:db8::1", 443)),
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 1)),
):
    with socket.socket(family, kind) as it:
        it.setblocking(False)
        it.connect_ex(address)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
    it.sendto(b"?", ("127.0.0.53", 53))
subprocess.run(["true", "daemon", "analytics"])
"""
    found, _ = _watch(tmp_path, sys.executable, "-c", script)
    for name in ("192.0.2.1", "2001:db8::1", "127.0.0.53", "/true"):
        assert any(name in line for line in found), name
    assert not any("htons(1)" in line for line in found)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["model"],
        ["predict", PICTURE, "--json"],
        ["predict", PICTURE, "--line", "--show", "seen.png"],
        ["check", "own"],
    ],
    ids=lambda arguments: " ".join(arguments[::2]),
)
def test_a_command_tells_nobody_and_leaves_nothing(tmp_path: Path, arguments: list[str]) -> None:
    write_classes(tmp_path / "own", {"a": 12, "b": 12})
    arguments = [str(tmp_path / each) if each in ("seen.png", "own") else each for each in arguments]
    found, left = _watch(tmp_path, *DIGITREC, *arguments)
    assert found == []
    assert [name for name in left if not name.startswith(KEPT)] == []


def test_a_persons_own_script_tells_nobody(tmp_path: Path) -> None:
    script = (
        "import time; from pathlib import Path; from digitrec import Recognizer; "
        f"Recognizer(Path({str(ROOT / 'src/digitrec/pretrained')!r})); time.sleep(3)"
    )
    assert _watch(tmp_path, sys.executable, "-c", script) == ([], [])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_service_tells_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    for name, value in home_of(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    with running(ROOT / "src/digitrec/pretrained", "--workers", workers, tracer=traced(tmp_path / "trace")) as service:
        for path in ("/", "/model", "/openapi.json"):
            assert httpx.get(service.url + path).status_code == 200
        content = Path(PICTURE).read_bytes()
        assert httpx.post(f"{service.url}/predict", content=content).json()["label"] == "3"
        # Reports are sent some seconds later, or at the end.
        time.sleep(4)
        # As a terminal does; what traces it ends with it.
        os.killpg(service.process.pid, signal.SIGINT)
        service.process.communicate(timeout=60)
    assert reached(tmp_path / "trace") == []
    assert left_in(tmp_path / "home") == []


def test_no_stage_and_no_command_of_dvc_tells_anybody(demo: Path) -> None:
    """From `make demo` in a fresh clone to its summary."""
    assert reached(demo / "demo.trace") == []
    assert [name for name in left_in(demo / "home") if not name.startswith(KEPT)] == []
    # It did see what was run.
    assert (demo / "demo.trace").read_text().count("stages/train_final.py") >= 1


def test_the_pipelines_environment_says_no_to_dvcs_reports(finished: Pipeline) -> None:
    for folder in (ROOT, finished.folder):
        for name in ("analytics", "check_update"):
            shown = subprocess.run(["dvc", "config", f"core.{name}"], cwd=folder, capture_output=True, text=True)
            assert shown.stdout == "false\n"


def test_a_search_on_a_cluster_reaches_its_scheduler_and_nothing_else(dask: Cluster, tmp_path: Path) -> None:
    dask.start_worker()
    script = (
        "from pathlib import Path; from digitrec.search.dispatch import run_tasks; from tests.search import tasks; "
        "assert list(run_tasks(tasks.wait_for_file, [(1, Path('none'))], 1, tasks.data)) == [(0, 1)]"
    )
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    command = [sys.executable, "-c", script]
    found, left = _watch(tmp_path, *command, DIGITREC_SCHEDULER=dask.address, PYTHONPATH=path)
    assert (found, left) == ([], [])
