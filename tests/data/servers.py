"""Real servers on loopback that answer well or badly."""

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from digitrec.data.downloads import Fetcher, RemoteFile
from digitrec.errors import DownloadError

# Long enough that it does not come in one piece.
CONTENT = np.random.default_rng(0).bytes(300_000)
FILE = gzip.compress(CONTENT, mtime=0)
NAME = "train-images-idx3-ubyte.gz"
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server(*answers: Answer) -> Iterator[tuple[str, list[str]]]:
    """A real server: it gives the first request the first answer and so on, the last one from then on."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answers[min(len(asked), len(answers)) - 1](self)

        do_CONNECT = do_GET

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Who has heard enough hangs up."""

    listening = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}/mnist/", asked
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def sends(content: bytes, *, status: int = 200, **headers: str | None) -> Answer:
    """Send some content, with its length unless `Content_Length` says otherwise, and other headers."""
    given = {"Content-Length": str(len(content))} | {key.replace("_", "-"): text for key, text in headers.items()}

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for key, text in given.items():
            if text is not None:
                request.send_header(key, text)
        request.end_headers()
        request.wfile.write(content)

    return answer


def sends_raw(answer: bytes) -> Answer:
    """Send these bytes and nothing else."""

    def send(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(answer)
        request.close_connection = True

    return send


def sends_on(url: str) -> Answer:
    return sends(b"", status=302, Location=url)


WHOLE = sends(FILE)
HTML = sends(b"\n<!DOCTYPE html><html>Please log in</html>")


def remote(*mirrors: str, content: bytes = CONTENT) -> RemoteFile:
    return RemoteFile(NAME, mirrors, hashlib.sha256(content).hexdigest())


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def problems(fetch: Fetcher, file: RemoteFile) -> list[str]:
    """The lines of the message that say what was tried and why it failed."""
    with pytest.raises(DownloadError) as caught:
        fetch(file)
    assert not files_in(fetch.cache)
    return [line for line in str(caught.value).splitlines() if line.startswith("  ")]
