"""What a request brings, read within limits and refused in one clear line."""

import asyncio
import logging
from collections.abc import AsyncGenerator

from fastapi import HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

MAX_BYTES = 5_000_000
# Seconds for a whole body to arrive: 5 MB at 2 Mbit/s.
MAX_SECONDS = 20
# What is wrong with a form is told to its sender, not to the log.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


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


async def file_in(request: Request) -> tuple[bytes, str]:
    """Read the image file that a request brings, and its name; raises what `read_body` and `file_of_form` do."""
    return await file_of(request, await read_body(request))


async def file_of(request: Request, body: bytes) -> tuple[bytes, str]:
    """Give the image file in a body, which is the file itself or a form with it, and its name."""
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await file_of_form(request, body)
    return body, "image"


async def file_of_form(request: Request, body: bytes) -> tuple[bytes, str]:
    """Give the content and the name of the one file in a form (multipart/form-data).

    Raises
    ------
    HTTPException
        422 when it is no such form, or holds no file or several.
    """

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(request.headers, stream(), max_files=1, max_fields=10).parse()
    # Of an encoding that the client has named, such as `undefined`.
    except (MultiPartException, ValueError) as error:
        told = getattr(error, "message", error)
        raise HTTPException(422, f"the form cannot be read ({told}), expected one image file") from error
    try:
        for _, value in form.multi_items():
            if isinstance(value, UploadFile):
                # Not what no answer can hold, as some encodings give it, nor what a terminal takes for a command.
                name = "".join(letter if letter.isprintable() else "?" for letter in value.filename or "image")
                return await value.read(), name
    finally:
        await form.close()
    raise HTTPException(422, "the form holds no file, expected one image file in the field 'image'")
