"""A real scheduler and real workers, each a process on this machine; some of them are killed."""

import shutil
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from digitrec.errors import DigitrecError
from digitrec.pipeline import cluster
from digitrec.search.dispatch import device_kinds, run_tasks
from digitrec.search.run import ENGINES
from tests.conftest import ROOT, Pipeline
from tests.dask_cluster import PATIENCE, Cluster, wait_until
from tests.search.candidates import cell
from tests.search.tasks import data, data_by_place, fail, kill_worker, wait_for_file
from tests.tiny import small_problem

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def dask(dask: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The cluster that tasks go to."""
    monkeypatch.setenv("DIGITREC_SCHEDULER", dask.address)
    return dask


def test_results_come_as_they_finish(dask: Cluster, tmp_path: Path) -> None:
    dask.start_worker()
    dask.start_worker()
    file = tmp_path / "go on"
    results = run_tasks(wait_for_file, [(number, file) for number in range(5)], 1, data)
    assert sorted(next(results)[1] for _ in range(4)) == [1, 2, 3, 4]
    file.touch()
    assert list(results) == [(0, 0)]


def test_a_worker_that_comes_late_gets_work_while_the_others_are_busy(dask: Cluster, tmp_path: Path) -> None:
    dask.start_worker()
    file = tmp_path / "go on"
    results = run_tasks(wait_for_file, [(0, file), (1, file)], 1, data)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(next, results)
        try:
            dask.start_worker()
            assert first.result(PATIENCE) == (1, 1)
        finally:
            file.touch()
    assert list(results) == [(0, 0)]


def test_when_all_workers_are_gone_it_says_so_and_waits_for_new_ones(
    dask: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    worker = dask.start_worker()
    file = tmp_path / "go on"
    results = run_tasks(wait_for_file, [(1, file), (0, file)], 1, data)
    assert next(results) == (0, 1)
    worker.kill()
    shown = ""

    def said() -> bool:
        nonlocal shown
        shown += capfd.readouterr().out
        return f"{dask.address} has no workers any more; waiting for one" in shown

    with ThreadPoolExecutor() as pool:
        rest = pool.submit(list, results)
        try:
            wait_until(said)
        finally:
            file.touch()
            dask.start_worker()
        assert rest.result(PATIENCE) == [(1, 0)]


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_a_worker_fits_on_its_own_device(
    dask: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: ModuleType
) -> None:
    monkeypatch.setenv("DIGITREC_DEVICE", "cpu")
    dask.start_worker()
    problem = small_problem(tmp_path)
    cells = [cell(lr=lr, max_epochs=1) for lr in (0.001, 0.01)]
    assert device_kinds("cuda:1", problem.data_version) == ["cpu"]
    there = [(each.candidate, *found) for done in engine.fit_cells(problem, cells, 1, "cuda") for each, *found in done]
    monkeypatch.delenv("DIGITREC_SCHEDULER")
    here = [(each.candidate, *found) for done in engine.fit_cells(problem, cells, 1, "cpu") for each, *found in done]
    assert sorted(there, key=str) == sorted(here, key=str)
    assert all(reason is None for _, _, reason in here)


def test_a_worker_without_its_device_is_refused(dask: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITREC_DEVICE", "cuda:99")
    dask.start_worker()
    with pytest.raises(DigitrecError, match=r"^worker tcp://\S+: DIGITREC_DEVICE: got 'cuda:99', expected auto, cpu"):
        next(run_tasks(wait_for_file, [(1, Path())], 1, data))


def test_an_error_in_a_task_is_raised(dask: Cluster) -> None:
    dask.start_worker()
    with pytest.raises(ZeroDivisionError, match="task 0"):
        list(run_tasks(fail, [(0,)], 1, data))


def test_a_task_that_kills_its_workers_is_given_up_and_costs_no_other(dask: Cluster) -> None:
    # With a nanny, which starts the worker again.
    dask.start_worker(ROOT, "--nworkers", "1")
    results = dict(run_tasks(kill_worker, [(0,), (1,)], 1, data))
    assert str(results.pop(0)) == "4 workers were killed, one after the other, while they did it"
    assert results == {1: 1}


def test_a_scheduler_that_goes_away_is_one_message(dask: Cluster, tmp_path: Path) -> None:
    dask.start_worker()
    results = run_tasks(wait_for_file, [(number, tmp_path / "never") for number in (1, 0)], 1, data)
    assert next(results) == (0, 1)
    dask.scheduler.kill()
    with pytest.raises(DigitrecError, match=f"the Dask scheduler at {dask.address} is gone"):
        next(results)


def test_a_worker_that_would_run_several_tasks_in_one_process_is_refused(dask: Cluster) -> None:
    dask.start_worker(ROOT, "--nthreads", "2")
    with pytest.raises(DigitrecError, match=r"nthreads 2 \(here 1\).*--nthreads 1"):
        next(run_tasks(wait_for_file, [(1, Path())], 1, data))


@pytest.mark.parametrize("has_code", [True, False])
def test_a_worker_that_comes_late_is_checked_too(dask: Cluster, tmp_path: Path, has_code: bool) -> None:
    dask.start_worker()
    never = tmp_path / "never"
    results = run_tasks(wait_for_file, [(1, never), (0, never), (0, never)], 1, data_by_place)
    assert next(results) == (0, 1)
    if not has_code:
        (tmp_path / "src/digitrec").mkdir(parents=True)
        (tmp_path / "src/digitrec/__init__.py").touch()
    dask.start_worker(tmp_path)
    # The two tasks that are left now go to the two workers.
    message = rf"tcp://\S+ is .* data {tmp_path} \(here {Path.cwd()}\)" if has_code else "cannot run this code"
    with pytest.raises(DigitrecError, match=f"worker {message}"):
        next(results)


def test_a_cluster_without_workers_is_one_message(dask: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "WORKERS_TIMEOUT", 1)
    with pytest.raises(DigitrecError, match=f"{dask.address} has had no worker for 1 s.*dask worker {dask.address}"):
        next(run_tasks(wait_for_file, [(1, Path())], 1, data))


@pytest.mark.parametrize(
    "address", ["host:8786", "tcp://host", "tcp://host:99999", "tcp://:8786", "http://a:1", "8786"]
)
def test_what_is_no_address_is_refused_at_once(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DIGITREC_SCHEDULER", address)
    with pytest.raises(DigitrecError, match=f"got '{address}', expected an address such as tcp://host:8786"):
        next(run_tasks(wait_for_file, [(1, Path())], 1, data))


def test_a_server_that_says_nothing_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("DIGITREC_SCHEDULER", address)
        with pytest.raises(DigitrecError, match=f"no Dask scheduler answered at {address} within 1 s"):
            next(run_tasks(wait_for_file, [(1, Path())], 1, data))


@pytest.fixture(scope="session")
def searched(finished: Pipeline, once: Callable) -> Pipeline:
    """A pipeline whose search, a longer one, ran on this machine alone."""

    def build(folder: Path) -> None:
        pipeline = finished.copy(folder / "project")
        space = {"lr": [0.001, 0.002, 0.003, 0.004], "optimizer": ["adam", "rmsprop"]}
        longer = {"max_epochs": [12], "batch_size": [8]}
        pipeline.change_params(lambda params: params["search"]["space"].update(space | longer))
        (pipeline.folder / "data/cache/gridsearch.jsonl").unlink()
        pipeline.printed_by("gridsearch")

    return Pipeline(once("searched", build) / "project")


def _copy(pipeline: Pipeline, folder: Path) -> Pipeline:
    """A clone on another machine: it has the data, and has searched nothing."""
    shutil.copytree(pipeline.folder, folder, symlinks=True)
    for path in ("data/cache", "data/gridsearch"):
        shutil.rmtree(folder / path)
    for path in ("metrics/gridsearch.json", "plots/gridsearch.csv"):
        (folder / path).unlink()
    return Pipeline(folder)


def _journal(pipeline: Pipeline) -> list[str]:
    path = pipeline.folder / "data/cache/gridsearch.jsonl"
    return sorted(path.read_text().splitlines()) if path.exists() else []


def test_a_search_on_a_cluster_gives_the_same_bytes_also_when_a_worker_is_killed(
    searched: Pipeline, dask: Cluster, tmp_path: Path
) -> None:
    here = _copy(searched, tmp_path / "here")
    # Its workers have only their own clone's data.
    there = _copy(searched, tmp_path / "there")
    workers = [dask.start_worker(there.folder) for _ in range(2)]
    here.environment["DIGITREC_SCHEDULER"] = dask.address
    process = here.start("python", "stages/gridsearch.py")
    wait_until(lambda: len(_journal(here)) >= 2)
    workers[0].kill()
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert here.snapshot() == searched.snapshot()
    assert _journal(here) == _journal(searched)
    assert _journal(there) == []


def _edit_code(project: Path) -> None:
    with open(project / "src/digitrec/training/classifier.py", "a") as file:
        file.write("# Changed.\n")


def _edit_data(project: Path) -> None:
    labels = project / "data/train/labels.npy"
    content = bytearray(labels.read_bytes())
    content[-1] ^= 1
    labels.unlink()
    labels.write_bytes(content)


def _remove_data(project: Path) -> None:
    (project / "data/train/images.npy").unlink()


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (_edit_code, ["is not like this process: code {there} (here {here}). Give it the same commit"]),
        (_edit_data, ["is not like this process: data ", "(`dvc pull` in a clone)"]),
        (_remove_data, ["{folder}/data/train/images.npy is missing: run `dvc repro` to make it"]),
    ],
)
def test_a_worker_with_other_code_or_data_is_refused_before_any_work(
    searched: Pipeline, dask: Cluster, tmp_path: Path, change: Callable[[Path], None], parts: list[str]
) -> None:
    here = _copy(searched, tmp_path / "here")
    there = _copy(searched, tmp_path / "there")
    change(there.folder)
    dask.start_worker(there.folder)
    # In a process of its own, for which the project is where its code is.
    errors = here.stage("gridsearch", ok=False, DIGITREC_SCHEDULER=dask.address).stderr
    (message,) = (line for line in errors.splitlines() if line.startswith("error: "))
    assert message.startswith("error: worker tcp://127.0.0.1:")
    names = {"folder": there.folder}
    for name, pipeline in (("here", here), ("there", there)):
        names[name] = cluster.hash_code(pipeline.folder / "src/digitrec")
    for part in parts:
        assert part.format(**names) in message
    assert _journal(here) == []


def test_a_scheduler_that_cannot_be_reached_is_one_message(
    searched: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", 1)
    here = _copy(searched, tmp_path / "here")
    # A port that nobody listens on.
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    status, errors = here.stage_here("gridsearch", DIGITREC_SCHEDULER=address)
    assert status == 1
    assert f"no Dask scheduler answered at {address} within 1 s. Start one there" in errors
    assert _journal(here) == []
