"""What the service answers, as its OpenAPI document shows it."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Box = Annotated[list[int], Field(min_length=4, max_length=4)]


class Answer(BaseModel):
    """What an image shows; all but the reason is null where nothing, or several, were found."""

    label: str | None = Field(description="the class; null when the answer is withheld, see reason")
    best: str | None = Field(description="the most probable class, also when the answer is withheld")
    probability: Probability | None = Field(description="of the most probable class, calibrated")
    second: str | None = Field(description="the second most probable class")
    second_probability: Probability | None
    reason: str | None = Field(description="why label is null: unsure, nothing found, or several")
    probabilities: list[Probability] | None = Field(description="of each class, in the order of GET /model")
    box: Box | None = Field(
        description="where it was found in the upright image: left, top, right, bottom in pixels; null where the image "
        "was taken whole"
    )
    pixels: list[list[int]] | list[list[list[int]]] | None = Field(
        default=None, description="with ?pixels=true, what the network got: rows of numbers, or of [red, green, blue]"
    )


class Mistake(BaseModel):
    """Why a request was refused."""

    error: str
    request_id: str


class Health(BaseModel):
    """That the service answers."""

    status: Literal["ok"]
