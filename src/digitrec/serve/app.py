"""The HTTP service: a page to try the network on, and an API that answers images."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from digitrec.serve.addresses import Addresses, page_below
from digitrec.serve.answering import Answering
from digitrec.serve.body import file_in, file_of, read_body
from digitrec.serve.observing import Observed, metrics, mistake
from digitrec.serve.pages import page_routes
from digitrec.serve.schemas import Answer, Health, Mistake

PAGE = Path(__file__).parent / "page"
# Larger bodies are taken this many at a time, the others wait unread, so that memory stays bounded.
SMALL_BODY, N_LARGE_BODIES = 65_536, 8
DESCRIPTION = """Answers an image with what it shows and calibrated probabilities.

A body has 5 MB at most, an image 70 megapixels. What is refused gets a 4xx status and
`{"error": "...", "request_id": "..."}`: one line that says what was expected, and the id that the header `x-request-id`
and the log have too."""
BINARY = {"type": "string", "format": "binary"}
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Mistake, "description": "The body is empty or was cut off"},
    408: {"model": Mistake, "description": "The body was too slow"},
    413: {"model": Mistake, "description": "The body is too large"},
    422: {"model": Mistake, "description": "No image, a damaged or too large one, or wrong pixels"},
}


class Direct(APIRoute):
    """A route that calls its function at once if the address has no parameters, the usual case, to look at."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give the function that answers a request."""
        with_parameters = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await (with_parameters(request) if request.scope["query_string"] else self.endpoint(request))

        return handle


def _body(or_pixels: bool = False) -> dict[str, Any]:
    # What pixels are, the network decides that answers when the document is asked for.
    pixels: dict[str, Any] = {"application/json": {}} if or_pixels else {}
    more = ", or pixels as the network takes them" if or_pixels else ""
    return {
        "required": True,
        "description": f"An image file, as the body itself or in a form{more}.",
        "content": {
            "image/*": {"schema": BINARY},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"image": BINARY}, "required": ["image"]},
            },
            **pixels,
        },
    }


def build_app(now: Callable[[], Answering], root_path: str = "", logged: bool = False) -> FastAPI:
    """Make the service.

    Parameters
    ----------
    now : callable
        Gives what answers a request that comes in now.
    root_path : str
        As `addresses.read_root_path` gives it.
    logged : bool
        Whether each request is a line of JSON on standard output.
    """
    large_bodies = asyncio.Semaphore(N_LARGE_BODIES)
    # The pages that FastAPI shows an API with load scripts from elsewhere.
    app = FastAPI(
        title="digitrec",
        version=version("digitrec"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        # See `Addresses`.
        redirect_slashes=False,
        # Written as an address, which it would not be by default.
        servers=[{"url": quote(root_path)}] if root_path else None,
        root_path_in_servers=False,
    )
    # The last is the outermost.
    app.add_middleware(Addresses, root_path=root_path)
    app.add_middleware(Observed, root_path=root_path, logged=logged)
    index = page_below(root_path, (PAGE / "index.html").read_text(encoding="utf-8"))

    async def answer(request: Request, pixels: bool) -> Response:
        answering = now()
        body, kind = await read_body(request), request.headers.get("content-type", "").lower()
        if kind.startswith("application/json"):
            image = answering.read_pixels(body)
            found = await answering.pixels(image)
        else:
            found, image = await answering.image(*await file_of(request, body))
        if pixels:
            found["pixels"] = (image[..., 0] if image.shape[2] == 1 else image).tolist()
        return Response(json.dumps(found), media_type="application/json")

    predictions = APIRouter(route_class=Direct)

    @predictions.post(
        "/predict",
        responses={200: {"model": Answer}, **REFUSALS},
        openapi_extra={"requestBody": _body(or_pixels=True)},
    )
    async def predict(
        request: Request,
        pixels: Annotated[
            bool, Query(description="whether to answer with the pixels that the network got, too")
        ] = False,
    ) -> Response:
        """Tell what an image of any size shows."""
        if 0 < int(request.headers.get("content-length", 0)) <= SMALL_BODY:
            return await answer(request, pixels)
        async with large_bodies:
            return await answer(request, pixels)

    app.include_router(predictions)
    app.include_router(page_routes(lambda: now().network, file_in, REFUSALS, _body(), PAGE, root_path))

    @app.get("/healthz", responses={200: {"model": Health}})
    async def healthz() -> Response:
        """Tell that the service answers."""
        return JSONResponse({"status": "ok"})

    app.add_api_route("/metrics", metrics, include_in_schema=False)

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """Tell what the network is, its classes, how accurate it is, and when it was trained (null if not known)."""
        return now().about

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(index)

    def document() -> dict[str, Any]:
        found = FastAPI.openapi(app)
        content = found["paths"]["/predict"]["post"]["requestBody"]["content"]
        content["application/json"] = {"schema": now().read_pixels.model.model_json_schema()}
        return found

    app.openapi = document  # type: ignore[method-assign]
    app.mount("/static", StaticFiles(directory=PAGE))
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, wrong_parameter)
    app.add_exception_handler(Exception, failed)
    return app


async def refused(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that cannot be met."""
    assert isinstance(error, HTTPException)
    messages = {404: f"nothing is at {request.url.path}", 405: f"{request.method} is not taken at {request.url.path}"}
    told = messages.get(error.status_code, error.detail)
    return mistake(request, told, error.status_code, dict(error.headers or {}))


async def wrong_parameter(request: Request, error: Exception) -> JSONResponse:
    """Answer a request whose address has a wrong parameter."""
    assert isinstance(error, RequestValidationError)
    told = "; ".join(f"{m['loc'][-1]}: got {m['input']!r}, expected true or false" for m in error.errors())
    return mistake(request, told, 422)


async def failed(request: Request, error: Exception) -> JSONResponse:
    """Answer for a mistake of the service's own, which the server then logs."""
    # Answered outside of `Observed`, which adds the header to all others.
    headers = {"x-request-id": request.state.request_id}
    return mistake(request, "the service failed on this request; its log says why", 500, headers)
