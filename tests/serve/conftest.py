"""A running service."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import ROOT
from tests.exported import RED_GREEN_BLUE, export_means

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# A path that a proxy puts before the service's own; a user's name in JupyterHub may be any.
PATH = "/user/j%C3%B6%40x/proxy/8000"


def serve_command(folder: Path, *options: str) -> list[str]:
    return [
        sys.executable,
        "-c",
        "from digitrec.cli import main; main()",
        "serve",
        "--model",
        str(folder),
        "--port",
        "0",
        # The last value of an option counts.
        "--workers",
        "1",
        *options,
    ]


class Service:
    """A service in a process of its own."""

    def __init__(self, folder: Path, *options: str, tracer: Sequence[str] = ()):
        self.process = subprocess.Popen(
            [*tracer, *serve_command(folder, *options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Its workers end with it, whatever a test does.
            start_new_session=True,
            # Tests run side by side, a process a core.
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        self.greeting = self.process.stdout.readline()
        found = re.match(r"(http://\S+:(\d+)) ", self.greeting)
        assert found, self.greeting + self.process.stderr.read()
        self.url, self.port = found[1], int(found[2])

    def stop(self) -> tuple[int, str]:
        """End it as a service manager does: its exit status, and what it wrote to stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=40)
        return self.process.returncode, errors


@contextmanager
def running(folder: Path, *options: str, tracer: Sequence[str] = ()) -> Iterator[Service]:
    service = Service(folder, *options, tracer=tracer)
    try:
        yield service
    finally:
        with suppress(ProcessLookupError):
            os.killpg(service.process.pid, signal.SIGKILL)
        service.process.wait()


def refused(folder: Path, *options: str) -> str:
    """The one line with which a service does not start."""
    result = subprocess.run(serve_command(folder, *options), capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    from tests.serve.browsing import a_browser  # Most tests here need none.

    with a_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: "Browser", service: Service) -> Iterator["Page"]:
    from tests.serve.browsing import watched

    with watched(browser, service.url) as page:
        yield page


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def exported() -> Path:
    """The model that comes with the project."""
    return ROOT / "src/digitrec/pretrained"


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of a model that takes colour pictures whole."""
    with running(export_means(tmp_path_factory.mktemp("colours"), RED_GREEN_BLUE)) as service:
        yield service


@pytest.fixture(scope="session")
def service(exported: Path) -> Iterator[Service]:
    """One service for many tests; at its end it must have had nothing to complain of."""
    with running(exported) as service:
        yield service
        status, errors = service.stop()
        assert errors == ""
        assert status == -signal.SIGTERM


@pytest.fixture(scope="module")
def below(exported: Path) -> Iterator[Service]:
    """A service that is told of the path that a proxy puts before its own."""
    with running(exported, "--root-path", f"{PATH}/") as service:
        yield service
