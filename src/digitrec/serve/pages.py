"""Whole pages over HTTP: `POST /read`, and a page to drop them on."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, Field

from digitrec.reading.decoding import ImageError, decode
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.page_answers import page_of
from digitrec.reading.reader import read_page
from digitrec.serve.addresses import page_below
from digitrec.serve.schemas import Box, Probability

# Pages that are read at the same time: one of 25 megapixels takes some hundred megabytes and a second. Of more requests
# than these the bodies are not read yet.
N_PAGES, N_BODIES = 2, 8


class Digit(BaseModel):
    """A digit on a page."""

    box: Box = Field(description="in the upright image: left, top, right, bottom in pixels")
    best: str = Field(description="the most probable class")
    probability: Probability
    second: str
    second_probability: Probability
    unsure: bool = Field(default=False, description="present and true where the answer is better withheld")
    pixels: list[list[int]] | None = Field(default=None, description="with ?pixels=true, what the network got")


class PageAnswer(BaseModel):
    """What stands on a page."""

    text: list[str] = Field(description="a line for each row, unsure digits as ?")
    rows: list[list[Digit]] = Field(description="from top to bottom, digits from left to right")
    others: list[Box] = Field(description="boxes of what is no digit")
    turned: float = Field(description="degrees by which the page was turned against the clock to be read")
    reason: str | None = Field(description="why there are no rows; null where there are")
    width: int
    height: int


def page_routes(
    network_now: Callable[[], ExportedNetwork],
    content_of: Callable[[Request], Awaitable[tuple[bytes, str]]],
    refusals: dict[int | str, dict[str, Any]],
    body: dict[str, Any],
    page: Path,
    root_path: str,
) -> APIRouter:
    """Make the routes.

    Parameters
    ----------
    network_now : callable
        Gives the network that answers a request that comes in now.
    content_of : callable
        From a request to the image file in it, and its name.
    refusals, body : dict
        Of the OpenAPI document: what refuses a request, and what a request's body is.
    page : Path
        Folder of the page's files.
    root_path : str
        As `addresses.read_root_path` gives it.
    """
    routes, threads = APIRouter(), ThreadPoolExecutor(N_PAGES)
    bodies = asyncio.Semaphore(N_BODIES)
    text = (page / "pages.html").read_text(encoding="utf-8")

    def read(network: ExportedNetwork, content: bytes, name: str, pixels: bool) -> dict[str, Any]:
        grey = decode(content, name)
        reading = read_page(grey, network)
        answer = page_of(reading, network)
        if pixels:
            for digits, marks in zip(answer["rows"], reading.rows, strict=True):
                for digit, mark in zip(digits, marks, strict=True):
                    digit["pixels"] = mark.pixels.tolist()
        return answer | {"width": grey.shape[1], "height": grey.shape[0]}

    @routes.post("/read", responses={200: {"model": PageAnswer}, **refusals}, openapi_extra={"requestBody": body})
    async def read_all(
        request: Request,
        pixels: Annotated[bool, Query(description="whether to answer with what the network got of each digit")] = False,
    ) -> Response:
        """Read all digits on a page."""
        network = network_now()
        if network.image.preparation != "mnist":
            raise HTTPException(422, "this network takes each image as a whole and reads no pages: POST /predict")
        async with bodies:
            content, name = await content_of(request)
            loop = asyncio.get_running_loop()
            try:
                return JSONResponse(await loop.run_in_executor(threads, read, network, content, name, pixels))
            except ImageError as error:
                raise HTTPException(422, str(error)) from error

    @routes.get("/pages", include_in_schema=False)
    async def show(request: Request) -> HTMLResponse:
        address = request.scope["raw_path"]
        return HTMLResponse(page_below(root_path, text, len(address) - len(address.rstrip(b"/"))))

    return routes
