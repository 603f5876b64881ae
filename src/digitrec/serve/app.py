"""The HTTP service: a page to draw on, and an API that answers images with digits."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from digitrec.artifacts import read_json
from digitrec.recognizer import Recognizer
from digitrec.serve.answering import Answering
from digitrec.serve.body import Pixels, file_of_form, image_of_pixels, read_body
from digitrec.serve.schemas import Answer, Health, Mistake

PAGE = Path(__file__).parent / "page"
# Larger bodies are taken this many at a time, the others wait unread, so that memory stays bounded.
SMALL_BODY, N_LARGE_BODIES = 65_536, 8
DESCRIPTION = """Answers an image of one handwritten digit with the digit and calibrated probabilities.

A body has 5 MB at most, an image 25 megapixels. What is refused gets a 4xx status and `{"error": "..."}`, one line that
says what was expected."""
BINARY = {"type": "string", "format": "binary"}
BODY = {
    "required": True,
    "description": "An image file, as the body itself or in a form, or 28x28 pixels.",
    "content": {
        "image/*": {"schema": BINARY},
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"image": BINARY}, "required": ["image"]},
        },
        "application/json": {"schema": Pixels.model_json_schema()},
    },
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Mistake, "description": "The body is empty or was cut off"},
    408: {"model": Mistake, "description": "The body was too slow"},
    413: {"model": Mistake, "description": "The body is too large"},
    422: {"model": Mistake, "description": "No image, a damaged or too large one, or no 28x28 pixels"},
}


class Direct(APIRoute):
    """A route that calls its function at once if the address has no parameters, the usual case, to look at."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:
        """Give the function that answers a request."""
        with_parameters = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await (with_parameters(request) if request.scope["query_string"] else self.endpoint(request))

        return handle


def _when_trained(folder: Path) -> str | None:
    """Look into the project that the network lies in: its own files are the same whenever they are made."""
    times = folder.resolve().parent.parent / "metrics/times/train_final.json"
    return read_json(times).get("finished") if times.exists() else None


def build_app(folder: Path) -> FastAPI:
    """Make the service for the exported network in `folder`.

    Raises
    ------
    RecognizerError
        When there is none that can be used.
    """
    recognizer = Recognizer(folder)
    answering = Answering(recognizer)
    about = recognizer.description | {"trained": _when_trained(folder)}
    large_bodies = asyncio.Semaphore(N_LARGE_BODIES)
    # The pages that FastAPI shows an API with load scripts from elsewhere.
    app = FastAPI(title="digitrec", version=version("digitrec"), description=DESCRIPTION, docs_url=None, redoc_url=None)

    async def answer(request: Request, pixels: bool) -> Response:
        body, kind = await read_body(request), request.headers.get("content-type", "").lower()
        if kind.startswith("application/json"):
            image = image_of_pixels(body)
            found = await answering.pixels(image)
        else:
            content, name = body, "image"
            if kind.startswith("multipart/form-data"):
                content, name = await file_of_form(request, body)
            found, image = await answering.image(content, name)
        if pixels:
            found["pixels"] = image.tolist()
        return Response(json.dumps(found), media_type="application/json")

    predictions = APIRouter(route_class=Direct)

    @predictions.post("/predict", responses={200: {"model": Answer}, **REFUSALS}, openapi_extra={"requestBody": BODY})
    async def predict(
        request: Request,
        pixels: Annotated[
            bool, Query(description="whether to answer with the 28x28 that the network got, too")
        ] = False,
    ) -> Response:
        """Recognize the digit in an image of any size, dark on light or light on dark."""
        if 0 < int(request.headers.get("content-length", 0)) <= SMALL_BODY:
            return await answer(request, pixels)
        async with large_bodies:
            return await answer(request, pixels)

    app.include_router(predictions)

    @app.get("/healthz", responses={200: {"model": Health}})
    async def healthz() -> Response:
        """Tell that the service answers."""
        return JSONResponse({"status": "ok"})

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """Tell what the network is, how accurate on its test set, and when it was trained (null if not known)."""
        return about

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    app.mount("/static", StaticFiles(directory=PAGE))
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, wrong_parameter)
    app.add_exception_handler(Exception, failed)
    return app


async def refused(request: Request, error: HTTPException) -> JSONResponse:
    """Answer a request that cannot be met."""
    messages = {404: f"nothing is at {request.url.path}", 405: f"{request.method} is not taken at {request.url.path}"}
    return JSONResponse({"error": messages.get(error.status_code, error.detail)}, error.status_code, error.headers)


async def wrong_parameter(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer a request whose address has a wrong parameter."""
    told = "; ".join(f"{m['loc'][-1]}: got {m['input']!r}, expected true or false" for m in error.errors())
    return JSONResponse({"error": told}, 422)


async def failed(request: Request, error: Exception) -> JSONResponse:
    """Answer for a mistake of the service's own, which the server then logs."""
    return JSONResponse({"error": "the service failed on this request; its log says why"}, 500)
