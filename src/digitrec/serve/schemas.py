"""What the service answers, as its OpenAPI document shows it."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Box = Annotated[list[int], Field(min_length=4, max_length=4)]


class Answer(BaseModel):
    """The digit in an image; all but the reason is null where there is none."""

    digit: int | None = Field(description="null when the answer is withheld, see reason")
    best: int | None = Field(description="the most probable digit, also when the answer is withheld")
    probability: Probability | None = Field(description="of the most probable digit, calibrated")
    second: int | None = Field(description="the second most probable digit")
    second_probability: Probability | None
    reason: str | None = Field(description="why digit is null: unsure, or no digit found")
    probabilities: list[Probability] | None = Field(description="of each digit, in order")
    box: Box | None = Field(
        description="where the digit is in the upright image: left, top, right, bottom in pixels; null for pixels"
    )
    pixels: list[list[int]] | None = Field(
        default=None, description="with ?pixels=true, the 28x28 that the network got, 255 = ink"
    )


class Mistake(BaseModel):
    """Why a request was refused."""

    error: str


class Health(BaseModel):
    """That the service answers."""

    status: Literal["ok"]
