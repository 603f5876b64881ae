"""What the service answers, as its OpenAPI document shows it."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Box = Annotated[list[int], Field(min_length=4, max_length=4)]


class Second(BaseModel):
    """The second most probable digit."""

    digit: int
    probability: Probability


class Answer(BaseModel):
    """The digit in an image."""

    digit: int | None = Field(description="null when the answer is withheld, see reason")
    probability: Probability | None = Field(description="of the most probable digit; calibrated; null without a digit")
    second: Second | None
    probabilities: list[Probability] | None = Field(description="of each digit, in order")
    box: Box | None = Field(
        description="where the digit is in the upright image: left, top, right, bottom in pixels; null for pixels"
    )
    reason: Literal["unsure", "no digit found"] | None = Field(description="why digit is null")
    pixels: list[list[int]] | None = Field(
        default=None, description="with ?pixels=true, the 28x28 that the network got, 255 = ink"
    )


class Mistake(BaseModel):
    """Why a request was refused."""

    error: str


class Health(BaseModel):
    """That the service answers."""

    status: Literal["ok"]
