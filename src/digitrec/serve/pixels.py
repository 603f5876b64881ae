"""Images that come as JSON, in the form that the network takes: numbers, checked one by one."""

import reprlib
from typing import Annotated, Any

import numpy as np
from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from digitrec.spec import ImageSpec

# Mistakes that one answer names.
MAX_MISTAKES = 3
# Of more than these none is named: to tell them apart would hold up whoever asks meanwhile.
MANY = 10_000
LEVEL = "a whole number from 0 to 255"


class PixelReader:
    """Reads JSON such as `{"pixels": [[0, ...], ...]}`: rows of numbers, or of [red, green, blue] for colour.

    Parameters
    ----------
    image : ImageSpec
        Size and channels that are expected.

    Attributes
    ----------
    model : type of BaseModel
        What the JSON must be.
    """

    def __init__(self, image: ImageSpec):
        grey = image.channels == 1
        rows = f"{image.height} rows of {image.width} {'whole numbers' if grey else '[red, green, blue]'}"
        # By depth: the body, pixels, pixels[0], pixels[0][0], pixels[0][0][0].
        self._expected = [
            "an object with the key pixels",
            rows,
            rows.partition(" rows of ")[2],
            LEVEL if grey else "3 whole numbers",
            LEVEL,
        ]
        self._shape = image.shape
        self.model = _model(image, f"{rows}, each from 0 to 255")

    def __call__(self, body: bytes) -> np.ndarray:
        """Give the image, uint8 of shape (height, width, channels).

        Raises
        ------
        HTTPException
            422 when the body is something else; the first mistakes are named.
        """
        try:
            # The model's fields are made when the program runs, so that no type checker knows them.
            pixels = self.model.model_validate_json(body).model_dump()["pixels"]
        except ValidationError as error:
            if error.error_count() > MANY:
                form = ", ".join(self._expected[:2])
                raise HTTPException(422, f"{error.error_count():,} mistakes, expected {form}") from error
            mistakes = error.errors(include_url=False, include_context=False)
            told = "; ".join(self._told(m["loc"], m["type"], m["msg"], m["input"]) for m in mistakes[:MAX_MISTAKES])
            more = f"; and {len(mistakes) - MAX_MISTAKES:,} more mistakes" if len(mistakes) > MAX_MISTAKES else ""
            raise HTTPException(422, told + more) from error
        return np.array(pixels, np.uint8).reshape(self._shape)

    def _told(self, location: tuple[int | str, ...], kind: str, message: str, value: Any) -> str:
        where = "".join(f"[{part}]" if isinstance(part, int) else part for part in location) or "the body"
        if kind == "json_invalid":
            return f"the body is no JSON ({message.removeprefix('Invalid JSON: ')})"
        if kind == "extra_forbidden":
            return f"{reprlib.repr(where)} is no known key, expected pixels"
        expected = self._expected[len(location)]
        if kind == "missing":
            return f"{where}: is missing, expected {expected}"
        if kind in ("too_short", "too_long"):
            return f"{where}: got {len(value)}, expected {expected}"
        return f"{where}: got {reprlib.repr(value)}, expected {expected}"


def _model(image: ImageSpec, description: str) -> type[BaseModel]:
    level: Any = Annotated[int, Field(strict=True, ge=0, le=255)]
    pixel: Any = level if image.channels == 1 else _list_of(level, image.channels)
    rows: Any = _list_of(_list_of(pixel, image.width), image.height)
    return create_model(
        "Pixels",
        __config__=ConfigDict(extra="forbid"),
        __doc__="An image as the network takes it.",
        pixels=(rows, Field(description=description)),
    )


def _list_of(each: Any, length: int) -> Any:
    return Annotated[list[each], Field(min_length=length, max_length=length)]
