"""A running service, with a small network trained on the embedded digits."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from digitrec.artifacts import write_json
from digitrec.export import to_onnx, whole_network
from digitrec.params import Recipe
from digitrec.preparation import find_digit
from tests.tiny import small_classifier, some_digits

AUGMENTED = Recipe(loss_input="logits", schedule="one_cycle", valid_fraction=0.1, rotation=12.0, scale=0.1, shift=1.0)


def serve_command(folder: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "digitrec.cli", "serve", "--model", str(folder), "--port", "0", *options]


class Service:
    """A service in a process of its own."""

    def __init__(self, folder: Path, *options: str):
        self.process = subprocess.Popen(
            serve_command(folder, *options),
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
def running(folder: Path, *options: str) -> Iterator[Service]:
    service = Service(folder, *options)
    try:
        yield service
    finally:
        with suppress(ProcessLookupError):
            os.killpg(service.process.pid, signal.SIGKILL)
        service.process.wait()


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as stage `export` writes it. The digits were prepared as those are that the service gets."""
    images, labels = some_digits(1437)
    found = np.stack([find_digit(image).image for image in images])
    classifier = small_classifier(
        "mnistnet", {"num_units": 8, "out_units": 16, "fout_units": 32}, max_epochs=12, recipe=AUGMENTED
    ).fit(found, labels)
    content, folder = to_onnx(whole_network(classifier, 1.0)), tmp_path_factory.mktemp("export")
    (folder / "model.onnx").write_bytes(content)
    write_json(
        folder / "model.json",
        {
            "sha256": sha256(content).hexdigest(),
            "threshold": 0.5,
            "classes": 10,
            "model": "mnistnet",
            "dataset": "digits",
            "accuracy": 0.98,
        },
    )
    return folder


@pytest.fixture(scope="session")
def service(exported: Path) -> Iterator[Service]:
    """One service for many tests; at its end it must have had nothing to complain of."""
    with running(exported) as service:
        yield service
        status, errors = service.stop()
        assert errors == ""
        assert status == -signal.SIGTERM
