"""A model that is replaced while the service answers."""

import asyncio
import errno
import json
import os
import pty
import select
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

from digitrec.errors import ArtifactError
from digitrec.pipeline.files import write_json
from digitrec.reading.exported import ModelError
from digitrec.serve.answering import Answering
from digitrec.serve.app import build_app
from digitrec.serve.reloading import Kept, Reloading, Terminal
from tests.exported import RED_GREEN_BLUE, SHADES, export_means, mean_network
from tests.serve.conftest import Service, running, serve_command

pytestmark = pytest.mark.slow
GERMAN = RED_GREEN_BLUE.model_copy(update={"classes": ("rot", "grün", "blau")})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return export_means(tmp_path / "export", RED_GREEN_BLUE)


@pytest.fixture
def red(tmp_path: Path) -> bytes:
    Image.new("RGB", (30, 30), "red").save(tmp_path / "red.png")
    return (tmp_path / "red.png").read_bytes()


def model_names(service: Service) -> set[str]:
    """What the model's first class is called, by several connections, of which each worker has some."""
    answers = [httpx.get(f"{service.url}/model", timeout=60) for _ in range(12)]
    return {answer.json()["dataset"]["image"]["classes"][0] for answer in answers}


def eventually(true: Callable[[], bool]) -> None:
    for _ in range(300):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it does not come true")


@contextmanager
def asked(service: Service, content: bytes, connections: int = 4) -> Iterator[list[str | None]]:
    """Ask all the time over some connections; what was answered, which must be an answer each time."""
    labels, failures, over = [], [], threading.Event()

    def ask() -> None:
        try:
            with httpx.Client(base_url=service.url, timeout=60) as client:
                while not over.is_set():
                    labels.append(client.post("/predict", content=content).raise_for_status().json()["label"])
        except httpx.HTTPError as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    for thread in threads:
        thread.start()
    try:
        yield labels
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []


def loaded(service: Service) -> float:
    """When the worker that was first to do so loaded its model, as Prometheus would read it."""
    text = httpx.get(f"{service.url}/metrics", timeout=60).text
    [line] = [line for line in text.splitlines() if line.startswith("digitrec_model_loaded_timestamp_seconds ")]
    return float(line.split()[1])


def workers_of(service: Service) -> list[psutil.Process]:
    children = psutil.Process(service.process.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_takes_a_new_model_refuses_a_damaged_one_and_loses_no_request(
    folder: Path, red: bytes, workers: str
) -> None:
    with running(folder, "--workers", workers) as service:
        with asked(service, red) as labels:
            eventually(lambda: len(labels) > 20)
            (folder / "model.onnx").write_bytes(mean_network(RED_GREEN_BLUE)[:-1])
            service.process.send_signal(signal.SIGHUP)
            line = service.process.stderr.readline()
            assert "SIGHUP: the new model is not taken, the old one stays: " in line
            assert f"{folder}/model.onnx: its SHA-256 is not the one in model.json" in line
            assert model_names(service) == set(labels) == {"red"}

            before = time.time()
            export_means(folder, GERMAN)
            assert model_names(service) == {"red"}
            service.process.send_signal(signal.SIGHUP)
            eventually(lambda: loaded(service) > before)
            assert model_names(service) == {"rot"}
            n = len(labels)
            eventually(lambda: len(labels) > n + 20)
        assert set(labels) == {"red", "rot"}
        # One after the other on each connection, so that the last of all are the new model's.
        assert set(labels[-10:]) == {"rot"}
        assert service.stop() == (-signal.SIGTERM if workers == "1" else 0, "")


def test_workers_that_take_the_place_of_others_have_the_model_that_was_found_good(folder: Path) -> None:
    with running(folder, "--workers", "2") as service:
        (folder / "model.onnx").unlink()
        before, killed = loaded(service), workers_of(service)
        for worker in killed:
            worker.kill()
        # Those that were killed are asked no more.
        eventually(lambda: answers(service) and loaded(service) > before)
        eventually(lambda: len(workers_of(service)) == 2)
        assert model_names(service) == {"red"}
        assert service.stop() == (0, "")


def answers(service: Service) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{service.url}/healthz", timeout=60).status_code == 200
    return False


def test_nothing_of_the_old_model_is_left_and_the_api_is_described_anew(folder: Path) -> None:
    async def main() -> None:
        reloading = Reloading(folder, Terminal())
        app, old = build_app(reloading.now), weakref.ref(reloading.now())
        assert "16 rows of 24 [red, green, blue]" in json.dumps(app.openapi())
        export_means(folder, SHADES)
        signal.raise_signal(signal.SIGHUP)
        for _ in range(300):
            await asyncio.sleep(0.1)
            if old() is None:
                break
        assert old() is None
        assert "12 rows of 12 whole numbers" in json.dumps(app.openapi())

    asyncio.run(main())


def test_a_copy_of_a_projects_model_knows_when_it_was_trained_and_the_last_two_copies_stay(tmp_path: Path) -> None:
    folder = export_means(tmp_path / "data/export", RED_GREEN_BLUE)
    write_json(tmp_path / "metrics/times/train_final.json", {"finished": "yesterday"})
    kept = Kept(folder, tmp_path / "kept")
    for _ in range(3):
        assert kept.renew().dataset.image == RED_GREEN_BLUE
    assert Answering(kept.folder.resolve()).about["trained"] == "yesterday"
    assert sorted(path.name for path in kept.folder.parent.iterdir()) == ["2", "3", "model"]
    (folder / "model.json").write_text("{}")
    with pytest.raises(ModelError, match=f"{folder}/model.json: holds no description"):
        kept.renew()
    assert Answering(kept.folder).about["trained"] == "yesterday"


@pytest.mark.parametrize("damage", ["no room", "another model"])
def test_a_copy_that_fails_leaves_nothing_and_the_next_one_takes_its_place(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    kept = Kept(folder, tmp_path / "kept")
    kept.renew()

    def copy(source: Path, place: Path) -> None:
        (place / source.name).write_bytes(b"{}")
        if damage == "no room":
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("digitrec.serve.reloading.shutil.copy", copy)
        with pytest.raises(ArtifactError if damage == "no room" else ModelError):
            kept.renew()
    assert sorted(path.name for path in kept.folder.parent.iterdir()) == ["1", "model"]
    for _ in range(2):
        kept.renew()
    assert sorted(path.name for path in kept.folder.parent.iterdir()) == ["2", "3", "model"]


def test_it_ends_with_the_terminal_that_it_was_started_in(folder: Path) -> None:
    """Whose end is a SIGHUP too."""
    pid, terminal = pty.fork()
    if not pid:
        command = serve_command(folder)
        os.execve(command[0], command, dict(os.environ))
    assert select.select([terminal], [], [], 60)[0]
    assert b"answers with" in os.read(terminal, 1000)
    os.close(terminal)
    service = psutil.Process(pid)
    try:
        service.wait(timeout=60)
    finally:
        with suppress(psutil.NoSuchProcess):
            service.kill()
