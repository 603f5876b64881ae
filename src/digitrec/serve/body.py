"""What a request brings, an image file or pixels: read within limits, refused in one clear line."""

import asyncio
import logging
import reprlib
from collections.abc import AsyncIterator
from typing import Annotated

import numpy as np
from fastapi import HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

MAX_BYTES = 5_000_000
# Seconds for a whole body to arrive: 5 MB at 2 Mbit/s.
MAX_SECONDS = 20
SIDE = 28
# What is wrong with a form is told to its sender, not to the log.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
# Mistakes in pixels that one answer names.
MAX_MISTAKES = 3

# By depth: the body, pixels, pixels[0], pixels[0][0].
EXPECTED = (
    "an object with the key pixels",
    "28 rows of 28 whole numbers",
    "28 whole numbers",
    "a whole number from 0 to 255",
)

Level = Annotated[int, Field(strict=True, ge=0, le=255)]
Row = Annotated[list[Level], Field(min_length=SIDE, max_length=SIDE)]


class Pixels(BaseModel):
    """A digit as the network takes it: light on black, in a box of 20x20, centred by its mass as MNIST's are."""

    model_config = ConfigDict(extra="forbid")

    pixels: Annotated[list[Row], Field(min_length=SIDE, max_length=SIDE)] = Field(
        description="28 rows of 28 whole numbers from 0 (paper) to 255 (ink)"
    )


async def read_body(request: Request) -> bytes:
    """Read a whole body of 1 byte to 5 MB.

    Raises
    ------
    HTTPException
        413 when it is larger, 408 when it takes more than 20 seconds, 400 when it is empty or cut off.
    """
    too_large = HTTPException(413, f"the body has more than {MAX_BYTES:,} bytes, the most that is taken")
    # Told beforehand, the client need not send it; nothing of it is kept if it does.
    if int(request.headers.get("content-length", 0)) > MAX_BYTES:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(MAX_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > MAX_BYTES:
                    raise too_large
                parts.append(part)
    except TimeoutError as error:
        raise HTTPException(408, f"the body was not complete after {MAX_SECONDS} seconds") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the body was cut off") from error
    if not size:
        raise HTTPException(400, "the body is empty, expected an image file or JSON with pixels")
    return b"".join(parts)


async def file_of_form(request: Request, body: bytes) -> tuple[bytes, str]:
    """Give the content and the name of the one file in a form (multipart/form-data).

    Raises
    ------
    HTTPException
        422 when it is no such form, or holds no file or several.
    """

    async def stream() -> AsyncIterator[bytes]:
        yield body

    try:
        form = await MultiPartParser(request.headers, stream(), max_files=1, max_fields=10).parse()
    except MultiPartException as error:
        raise HTTPException(422, f"the form cannot be read ({error.message}), expected one image file") from error
    try:
        for _, value in form.multi_items():
            if isinstance(value, UploadFile):
                return await value.read(), value.filename or "image"
    finally:
        await form.close()
    raise HTTPException(422, "the form holds no file, expected one image file in the field 'image'")


def image_of_pixels(body: bytes) -> np.ndarray:
    """Give the uint8 image (28, 28) of JSON such as {"pixels": [[0, ...], ...]}.

    Raises
    ------
    HTTPException
        422 when it is something else; the first mistakes are named.
    """
    try:
        return np.array(Pixels.model_validate_json(body).pixels, np.uint8)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_context=False)
        told = "; ".join(_mistake(m["loc"], m["type"], m["msg"], m["input"]) for m in mistakes[:MAX_MISTAKES])
        more = f"; and {len(mistakes) - MAX_MISTAKES:,} more mistakes" if len(mistakes) > MAX_MISTAKES else ""
        raise HTTPException(422, told + more) from error


def _mistake(location: tuple[int | str, ...], kind: str, message: str, value: object) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else part for part in location) or "the body"
    if kind == "json_invalid":
        return f"the body is no JSON ({message.removeprefix('Invalid JSON: ')})"
    if kind == "extra_forbidden":
        return f"{reprlib.repr(where)} is no known key, expected pixels"
    expected = EXPECTED[len(location)]
    if kind == "missing":
        return f"{where}: is missing, expected {expected}"
    if kind in ("too_short", "too_long"):
        return f"{where}: got {len(value)}, expected {expected}"
    return f"{where}: got {reprlib.repr(value)}, expected {expected}"
