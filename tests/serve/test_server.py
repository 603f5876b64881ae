"""Starting and ending the service."""

import asyncio
import io
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image
from uvicorn.supervisors import multiprocess

from digitrec.serve import server
from tests.serve.conftest import refused, running

pytestmark = pytest.mark.slow
HEAD = b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"


def _png(side: int) -> bytes:
    image = np.full((side, side), 255, np.uint8)
    image[side // 5 : -side // 5, side // 2 : side // 2 + side // 20] = 0
    content = io.BytesIO()
    Image.fromarray(image).save(content, "png")
    return content.getvalue()


def _read(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_finishes_what_is_under_way_and_takes_no_more(exported: Path, workers: str) -> None:
    content = _png(200)
    with running(exported, "--workers", workers) as service:
        children = psutil.Process(service.process.pid).children(recursive=True)
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
            connection.sendall(HEAD % len(content) + content[:100])
            # The service has started, and has taken the connection.
            httpx.get(f"{service.url}/healthz").raise_for_status()
            time.sleep(0.5)
            service.process.send_signal(signal.SIGTERM)
            _wait_until_refused(service.port)
            assert service.process.poll() is None
            connection.sendall(content[100:])
            answer = _read(connection)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b'"label": "1"' in answer
        _, errors = service.process.communicate(timeout=30)
        assert errors == ""
        assert service.process.returncode in (0, -signal.SIGTERM)
        _wait_until_ended(children)


def _wait_until_ended(processes: list[psutil.Process]) -> None:
    """What keeps account of a parent's resources ends a little after it."""
    for _ in range(300):
        # One that ends in between has no status.
        with suppress(psutil.NoSuchProcess):
            if not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]:
                return
        time.sleep(0.1)
    raise AssertionError("a process of the service is left")


def _wait_until_refused(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.1)
    raise AssertionError("new connections are still taken")


def test_connections_that_send_no_request_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing, half a head, and half a head or of a body after an answer: all are given up."""
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)

    async def app(scope: dict, receive: Callable, send: Callable) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def main() -> list[bytes]:
        config = uvicorn.Config(app, port=0, http=server.Protocol, lifespan="off", log_level="error")
        running = uvicorn.Server(config)
        listener = server.listen("127.0.0.1", 0)
        serving = asyncio.create_task(running.serve([listener]))

        async def sent(content: bytes, after: bytes = b"") -> bytes:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(content)
            answer = await reader.readuntil(b"ok") if after else b""
            writer.write(after)
            received = await asyncio.wait_for(reader.read(), 30)
            writer.close()
            return answer + received

        request = b"GET / HTTP/1.1\r\nhost: a\r\n"
        received = [await sent(content) for content in (b"", request, request + b"\r\n" + request)]
        received.append(await sent(request + b"content-length: 3\r\n\r\n", b"x"))
        running.should_exit = True
        await serving
        return received

    nothing, half, *answered = asyncio.run(main())
    assert nothing == half == b""
    for received in answered:
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")
        assert received.count(b"HTTP/1.1") == 1


def test_a_client_that_goes_before_its_answers_come_is_no_error(exported: Path) -> None:
    content = _png(200)
    with running(exported) as service:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
                connection.sendall((HEAD.replace(b"close", b"keep-alive") % len(content) + content) * 5)
        httpx.post(f"{service.url}/predict", content=content).raise_for_status()
        assert service.stop() == (-signal.SIGTERM, "")


def test_ctrl_c_ends_it_quietly(exported: Path) -> None:
    with running(exported) as service:
        httpx.get(f"{service.url}/healthz").raise_for_status()
        service.process.send_signal(signal.SIGINT)
        _, errors = service.process.communicate(timeout=30)
    assert (service.process.returncode, errors) == (0, "")


def test_workers_end_with_a_parent_that_was_killed(exported: Path) -> None:
    with running(exported, "--workers", "2") as service:
        workers = psutil.Process(service.process.pid).children(recursive=True)
        service.process.kill()
        service.process.wait()
        _, alive = psutil.wait_procs(workers, timeout=10)
        assert not alive


def test_two_workers_answer_from_one_port(exported: Path) -> None:
    with running(exported, "--workers", "2") as service:
        with httpx.Client(base_url=service.url, timeout=30) as client:
            assert client.post("/predict", content=_png(100)).json()["label"] == "1"
        # The last child is multiprocessing's own.
        workers = psutil.Process(service.process.pid).children()
        assert sum("spawn_main" in " ".join(child.cmdline()) for child in workers) == 2


def test_large_images_hold_nobody_up(exported: Path) -> None:
    large, waits = _png(4900), []
    with running(exported) as service:
        asked = [
            threading.Thread(target=httpx.post, args=(f"{service.url}/predict",), kwargs=request)
            for request in [{"content": large, "timeout": 60}] * 3
        ]
        with httpx.Client(base_url=service.url, timeout=60) as client:
            client.get("/healthz")
            for thread in asked:
                thread.start()
            while any(thread.is_alive() for thread in asked):
                start = time.perf_counter()
                client.get("/healthz").raise_for_status()
                waits.append(time.perf_counter() - start)
    # Far more than one fits in between, and none takes as long as an image.
    assert len(waits) > 20
    assert np.median(waits) < 0.1


def test_a_port_in_use_is_one_line(exported: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refused(exported, "--port", str(port))
    assert re.match(rf"error: port {port} of 127.0.0.1 is in use: .*--port", message)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_a_host_that_is_not_this_machine_is_one_line(exported: Path, host: str) -> None:
    assert re.match(f"error: .*{re.escape(host)}", refused(exported, "--host", host))


def test_a_missing_or_damaged_model_is_one_line(exported: Path, tmp_path: Path) -> None:
    assert "has no model that can be read" in refused(tmp_path)
    (tmp_path / "model.json").write_bytes((exported / "model.json").read_bytes())
    (tmp_path / "model.onnx").write_bytes((exported / "model.onnx").read_bytes()[:-1])
    assert re.search("SHA-256.*dvc repro export", refused(tmp_path, "--workers", "2"))


def test_it_listens_on_this_machine_alone_unless_told_otherwise(exported: Path) -> None:
    with running(exported) as service:
        assert {entry.laddr.ip for entry in psutil.Process(service.process.pid).net_connections()} == {"127.0.0.1"}
        assert service.greeting.startswith("http://127.0.0.1:")
    with running(exported, "--host", "::1") as service:
        assert httpx.get(f"{service.url}/healthz").json() == {"status": "ok"}
        assert service.greeting.startswith("http://[::1]:")


def test_a_worker_tells_of_the_server_that_runs_that_it_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    class SlowElsewhere(uvicorn.Server):
        def __init__(self, config: uvicorn.Config):
            if threading.current_thread() is not threading.main_thread():
                time.sleep(0.3)
            super().__init__(config)

        def run(self, sockets: list | None = None) -> None:
            self.started = True
            time.sleep(0.6)

    monkeypatch.setattr(multiprocess, "Server", SlowElsewhere)
    worker = server.Worker(uvicorn.Config(FastAPI()), [])
    # Asked before it has begun, as the parent does.
    worker.parent_conn.send(b"ping")
    worker.target([])
    worker.parent_conn.recv()
    assert worker.is_ready()
