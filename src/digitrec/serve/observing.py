"""What whoever runs the service sees of its requests: an id, counts and seconds, and a log where it is asked for."""

import json
import logging
import os
import re
import secrets
import time
from datetime import UTC, datetime

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Set, before this module is imported, to a folder where several workers keep their counts together.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
# What another program may name a request.
ID = re.compile(rb"[\w.:-]{1,64}")
# Paths that are counted apart; each value of a label is kept for good, and anybody can ask for any path.
PATHS = {"/", "/healthz", "/metrics", "/model", "/openapi.json", "/pages", "/predict", "/read"}
REQUESTS = Counter("digitrec_requests", "Requests that were answered", ("path", "status"))
SECONDS = Histogram(
    "digitrec_request_seconds",
    "From a request's head to the end of its answer",
    ("path",),
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
LOADED = Gauge(
    "digitrec_model_loaded_timestamp_seconds",
    "When the model was loaded, by the worker that did it first",
    multiprocess_mode="livemin",
)
LOG = logging.getLogger("uvicorn.error")


class Observed:
    """Gives each request an id, counts it and, if wanted, logs it.

    The id is the one of the header `x-request-id`, where a proxy has given one, or a new one. It stands in that header
    of the answer, in each error and in the log.

    Parameters
    ----------
    app : callable
        By ASGI.
    root_path : str
        As `addresses.read_root_path` gives it.
    logged : bool
        Whether each request is a line of JSON on standard output.
    """

    def __init__(self, app: ASGIApp, root_path: str = "", logged: bool = False):
        self._app, self._root_path, self._logged = app, root_path, logged

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given.decode() if ID.fullmatch(given) else new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        # Unless it fails, which is answered further out.
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            LOG.error("request %s failed:", request_id)
            raise
        finally:
            self._observe(scope, status, time.perf_counter() - start, request_id)

    def _observe(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        inside = scope["path"].removeprefix(self._root_path).rstrip("/") or "/"
        path = inside if inside in PATHS else "other"
        REQUESTS.labels(path, status).inc()
        SECONDS.labels(path).observe(seconds)
        if self._logged:
            client = scope.get("client")
            line = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "id": request_id,
                "client": client[0] if client else None,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "milliseconds": round(1000 * seconds, 1),
            }
            print(json.dumps(line), flush=True)


def new_id() -> str:
    """Make an id for a request that brings none."""
    return secrets.token_hex(8)


def mistake(request: Request, text: str, status: int, headers: dict[str, str] | None = None) -> JSONResponse:
    """Answer with what is wrong, and the request's id."""
    return JSONResponse({"error": text, "request_id": request.state.request_id}, status, headers)


def metrics() -> Response:
    """Give all workers' counts in Prometheus' text format."""
    registry = REGISTRY
    if SHARED in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
