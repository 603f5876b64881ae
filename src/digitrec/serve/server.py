"""Running the service: the port, the workers, the headers, and what no application sees of HTTP."""

import asyncio
import errno
import json
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import cast

import uvicorn
from fastapi import FastAPI
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from digitrec.errors import DigitrecError
from digitrec.pipeline.jobs import exit_with
from digitrec.reading.exported import ExportedNetwork
from digitrec.serve.addresses import read_root_path
from digitrec.serve.app import build_app
from digitrec.serve.observing import SHARED, new_id
from digitrec.serve.reloading import Kept, Reloading, Terminal, refuse, settle, wait_with_reloading

# Seconds in which requests under way are finished when the service is told to stop.
GRACE = 30
# Seconds for a request's head to arrive: silent connections would in the end use up all that the system allows.
HEAD_SECONDS = 20
# Bytes of a request other than its body.
MAX_HEAD = 65_536
HEADERS = {
    # The page gets everything from here, and may be shown in no other page.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # Asked anew each time, a page is never older than the service.
    "cache-control": "no-cache",
}


class ServeError(DigitrecError):
    """The service cannot start."""


class Protocol(HttpToolsProtocol):
    """HTTP of which no part can grow without bounds; what is no HTTP is answered as all else, in JSON."""

    outside_body = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.head_due = self.loop.call_later(HEAD_SECONDS, transport.close)
        self.unanswered: list[RequestResponseCycle] = []

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the client has gone: none of its requests is answered."""
        self.head_due.cancel()
        for request in self.unanswered:
            request.disconnected = True
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Take note that a request begins."""
        super().on_message_begin()
        self.head_due.cancel()
        self.head_due = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        """Start to answer a request, or queue it behind those that the same client has sent."""
        self.head_due.cancel()
        super().on_headers_complete()
        self.unanswered = [request for request in self.unanswered if not request.response_complete] + [self.cycle]

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        self.outside_body += len(data)
        super().data_received(data)
        if self.outside_body > MAX_HEAD and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.send_400_response(f"the request's head has more than {MAX_HEAD:,} bytes")
            else:
                self.transport.abort()
        # Whatever comes, uvicorn waits no longer for the next request; what is left of a body may never come.
        answered = self.cycle is not None and self.cycle.response_complete
        if answered and self.head_due.cancelled() and not self.transport.is_closing():
            self.head_due = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body, which the application bounds."""
        self.outside_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take note that a request is complete."""
        self.outside_body = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser cannot read."""
        request_id = new_id()
        content = json.dumps({"error": msg, "request_id": request_id}).encode()
        head = [b"HTTP/1.1 400 Bad Request", *(b": ".join(header) for header in self.server_state.default_headers)]
        head.append(b"x-request-id: " + request_id.encode())
        head += [b"content-type: application/json", b"content-length: %d" % len(content), b"connection: close"]
        self.transport.write(b"\r\n".join([*head, b"", content]))
        self.transport.close()


class OwnSocket:
    """What becomes a listening socket of its own in each worker process that it is sent to.

    The system spreads connections over such sockets. Of one that all share, the worker that is woken first would take
    whatever has come in, and the others nothing.
    """

    def __init__(self, host: str, port: int):
        self.address = host, port

    def __reduce__(self) -> tuple:
        return _listen_as_worker, self.address


def _listen_as_worker(host: str, port: int) -> socket.socket:
    wait_with_reloading()
    exit_with(os.getppid())
    return listen(host, port, beside_others=True)


class Worker(Process):
    """A process that answers.

    uvicorn's own may make two servers, one in each of its threads that ask for it first, and then tell for ever that
    the one that does not run has not started.
    """

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Make the server before there is a second thread, and run it."""
        _ = self.server
        super().target(sockets)


class Workers(Multiprocess):
    """Processes that answer on one port.

    Parameters
    ----------
    config, sockets
        uvicorn's.
    announce : callable
        Called once all of them answer.
    kept : Kept
        The model that they answer with.
    terminal : Terminal
        With its end, they end.
    """

    def __init__(
        self, config: uvicorn.Config, sockets: list, announce: Callable[[], None], kept: Kept, terminal: Terminal
    ):
        super().__init__(config, sockets)
        self._announce, self._kept, self._terminal = announce, kept, terminal
        self._announced = False

    def init_processes(self) -> None:
        """Start them."""
        for _ in range(self.processes_num):
            self.processes.append(Worker(self.config, self.sockets))
            self.processes[-1].start()

    def handle_hup(self) -> None:
        """Have all of them load the model that lies there now, if it is a good one."""
        if self._terminal.is_gone():
            self.should_exit.set()
            return
        try:
            self._kept.renew()
        except DigitrecError as error:
            refuse(error)
            return
        for process in self.processes:
            # One that has ended is replaced, by one that loads it.
            with suppress(ProcessLookupError):
                os.kill(cast("int", process.pid), signal.SIGHUP)

    def keep_subprocess_alive(self) -> None:
        """Replace those that have ended, which no longer tell when they loaded their model; announce all, once."""
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            mark_process_dead(pid)
        if not self._announced and not self.should_exit.is_set() and all(each.is_ready() for each in self.processes):
            self._announce()
            self._announced = True


def serve(folder: Path, host: str, port: int, workers: int, root_path: str = "", logged: bool = False) -> None:
    """Serve the exported network in `folder` until SIGTERM or SIGINT; requests under way are finished then.

    SIGHUP has the network loaded again, as it lies in the folder then. One that is damaged is not taken.

    Parameters
    ----------
    folder : Path
        That stage `export` wrote.
    host, port
        The address to listen on; port 0 is one that is free.
    workers : int
        Processes that answer.
    root_path : str
        That a proxy puts before the service's own paths, such as `/digits`.
    logged : bool
        Whether each request is a line of JSON on standard output.

    Raises
    ------
    ModelError
        When the folder holds no network that can be used.
    RootPathError
        When `root_path` is no path.
    ServeError
        When the address cannot be listened on.
    """
    root_path, terminal = read_root_path(root_path), Terminal()
    about = ExportedNetwork(folder).description
    with listen(host, port) as listener:
        address = f"[{host.strip('[]')}]" if ":" in host else host
        port, model = listener.getsockname()[1], f"{about.training.model}, {about.accuracy:.2%} on its test set"
        text = f"http://{address}:{port} answers with {model}; Ctrl-C ends it"
        announce = partial(print, text, flush=True)
        # uvicorn finishes what is under way, and then passes the signal on.
        with suppress(KeyboardInterrupt):
            if workers > 1:
                # It has shown that the port is free.
                listener.close()
                with tempfile.TemporaryDirectory(prefix="digitrec-") as own:
                    kept, counts = Kept(folder, Path(own)), Path(own) / "counts"
                    kept.renew()
                    counts.mkdir()
                    os.environ[SHARED] = str(counts)
                    config = _configure(partial(_lasting_app, kept.folder, root_path, logged, terminal), workers)
                    Workers(config, [OwnSocket(host, port)], announce, kept, terminal).run()
            else:
                wait_with_reloading()
                announce()
                config = _configure(partial(_lasting_app, folder, root_path, logged, terminal), workers)
                uvicorn.Server(config).run(sockets=[listener])


def _lasting_app(folder: Path, root_path: str, logged: bool, terminal: Terminal) -> FastAPI:
    app = build_app(Reloading(folder, terminal).now, root_path, logged)
    settle()
    return app


def _configure(factory: Callable[[], FastAPI], workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        factory,
        factory=True,
        workers=workers,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        headers=list(HEADERS.items()),
        timeout_graceful_shutdown=GRACE,
    )


def listen(host: str, port: int, beside_others: bool = False) -> socket.socket:
    """Open a socket that listens, alone on its port or beside others of this service.

    Parameters
    ----------
    host : str
        An address or a name; `::` stands for all addresses of this machine, IPv4's too.
    port : int
        0: one that is free.
    beside_others : bool
        Whether the port is shared.

    Raises
    ------
    ServeError
        When the port is taken or not allowed, or the host is none of this machine's.
    """
    if not host.strip("[] "):
        # To the system it would stand for all addresses.
        raise ServeError("--host: is empty, expected an address of this machine, such as 127.0.0.1")
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # Of a name that has addresses of both families, IPv4's.
        family, _, _, _, address = min(found, key=lambda entry: entry[0] == socket.AF_INET6)
        return socket.create_server(
            (address[0], port),
            family=family,
            backlog=2048,
            reuse_port=beside_others,
            dualstack_ipv6=address[0] == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        told = {
            errno.EADDRINUSE: f"port {port} of {host} is in use: end what uses it, or choose another with --port "
            "(0: one that is free)",
            errno.EACCES: f"port {port} may not be used by this user: choose one from 1024 on with --port",
            errno.EADDRNOTAVAIL: f"{host} is no address of this machine, expected one with --host, such as 127.0.0.1",
        }
        reason = error.strerror or str(error)
        raise ServeError(told.get(error.errno or 0, f"cannot listen on {host}, port {port}: {reason}")) from error
