"""What everything speaks in: what images are, and how a network is trained on them.

All of it is frozen, checked when it is made, and the same in Python and in JSON (`model_dump_json`,
`model_validate_json`). A field's description says what was expected, in the words of an error message.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Optimizer = Literal["adam", "rmsprop", "sgd"]
# An argument of a network's `build`.
Argument = str | int | float


class Spec(BaseModel):
    """A mapping of known keys to values of known types."""

    # Strict: `yes` is no number and '' no name.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def mistakes_of(error: ValidationError) -> str:
    """Name every key that does not fit a specification, and why."""
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())


def _in_order(values: tuple[float, ...]) -> tuple[float, ...]:
    if values[0] > values[1]:
        raise ValueError("[lowest, highest], the lowest first")
    return values


_IN_ORDER = AfterValidator(_in_order)


def _each_channel(value: Any) -> Any:
    """A number stands for a list of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class ImageSpec(Spec):
    """What images are: arrays of them are uint8 of shape (n, height, width, channels)."""

    height: Count = Field(description="a whole number >= 1")
    width: Count = Field(description="a whole number >= 1")
    channels: Literal[1, 3] = Field(description="1 (grey) or 3 (red, green, blue)")
    classes: tuple[str, ...] = Field(min_length=2, strict=False, description="a list of two or more names")
    # How other people's pictures are brought to this form: their ink found, fitted and centred as MNIST's was, or
    # brought to size with their shape kept.
    preparation: Literal["mnist", "resize"] = Field(description="mnist or resize")

    @property
    def n_classes(self) -> int:
        return len(self.classes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image as an array: height, width, channels."""
        return self.height, self.width, self.channels

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Of one image as a network takes it: channels, height, width."""
        return self.channels, self.height, self.width

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {'grey' if self.channels == 1 else 'colour'}"


class DatasetSpec(Spec):
    """A set of images, as stage `download` describes it in `data/dataset.json`."""

    name: str = Field(description="a dataset's name")
    title: str = Field(description="what the images are, in a phrase")
    licence: str = Field(description="under which the images may be used, 'unknown' where nobody said")
    image: ImageSpec


class FolderSpec(Spec):
    """Section `folder`: where a person's own images lie and how they are read."""

    path: str = Field(min_length=1, description="a folder")
    height: Literal["auto"] | Count = Field(description="a whole number >= 1, or 'auto'")
    width: Literal["auto"] | Count = Field(description="a whole number >= 1, or 'auto'")
    colour: Literal["auto", "grey", "rgb"] = Field(description="auto, grey or rgb")
    test_share: float = Field(gt=0, lt=1, description="a number above 0 and below 1")
    seed: Seed = Field(description="a whole number from 0 to 4294967295")
    skip_damaged: bool = Field(description="true or false")


class Hardening(Spec):
    """Section `hardening` of a recipe: the most of each kind of distortion, and how many images each comes to."""

    share: float = Field(0.5, gt=0, le=1, description="a number above 0, at most 1")
    filter: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    outline: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    background: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    line: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    patch: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    specks: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    noise: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    adversarial: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")

    @property
    def distorts(self) -> bool:
        """Whether anything is done that asks no network."""
        return any(value for kind, value in self if kind not in ("share", "adversarial"))

    def __bool__(self) -> bool:
        return bool(self.distorts or self.adversarial)


class Recipe(Spec):
    """How a network is trained; what is left out is not done."""

    loss_input: Literal["logits", "softmax"] = Field("logits", description="logits or softmax")
    schedule: Literal["constant", "one_cycle"] = Field("constant", description="constant or one_cycle")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="float32 or bfloat16")
    momentum: float = Field(0.0, ge=0, lt=1, description="a number from 0 to below 1")
    valid_fraction: float = Field(0.0, ge=0, lt=1, description="a number from 0 to below 1")
    class_weight: Literal["none", "balanced"] = Field("none", description="none or balanced")
    rotation: float = Field(0.0, ge=0, le=180, description="degrees from 0 to 180")
    scale: float = Field(0.0, ge=0, lt=1, description="a number from 0 to below 1")
    crop_area: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], _IN_ORDER] = Field(
        (1.0, 1.0), min_length=2, max_length=2, strict=False, description="[lowest, highest], above 0 and at most 1"
    )
    crop_ratio: Annotated[tuple[Annotated[float, Field(gt=0, le=10)], ...], _IN_ORDER] = Field(
        (1.0, 1.0), min_length=2, max_length=2, strict=False, description="[lowest, highest], above 0 and at most 10"
    )
    shift: float = Field(0.0, ge=0, le=100, description="pixels from 0 to 100")
    flip: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    outside: Literal["black", "edge"] = Field("black", description="black or edge")
    interpolation: Literal["bilinear", "nearest"] = Field("bilinear", description="bilinear or nearest")
    flagged_ones: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    hardening: Hardening = Field(Hardening(), description="a section of keys")


class Normalization(Spec):
    """Mean and standard deviation of each channel, pixels being from 0 to 1."""

    mean: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], BeforeValidator(_each_channel)] = Field(
        strict=False, description="a number from 0 to 1, or one a channel"
    )
    std: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], BeforeValidator(_each_channel)] = Field(
        strict=False, description="a number above 0 and at most 1, or one a channel"
    )

    @model_validator(mode="after")
    def _same_channels(self) -> "Normalization":
        if len(self.mean) != len(self.std) or len(self.mean) not in (1, 3):
            raise ValueError(f"as many means as standard deviations, 1 or 3, not {len(self.mean)} and {len(self.std)}")
        return self


class Hyperparameters(Spec):
    """What a search chooses: how to train, and apart from it the network's own choices."""

    lr: Positive = Field(description="a number > 0")
    max_epochs: Count = Field(description="a whole number >= 1")
    batch_size: Count = Field(description="a whole number >= 1")
    optimizer: Optimizer = Field(description="adam, rmsprop or sgd")
    architecture: Mapping[str, Argument] = Field({}, description="arguments of the network's build")


class TrainingSpec(Hyperparameters):
    """All that a trained network depends on but the images and the code."""

    model: str = Field(description="a file in models")
    recipe: Recipe = Field(description="a section of keys")
    normalization: Normalization
    seed: Seed = Field(description="a whole number from 0 to 4294967295")


class SearchSettings(Spec):
    """How a search tries candidates."""

    strategy: Literal["grid", "halving"] = Field(description="grid or halving")
    engine: Literal["auto", "skorch", "stacked"] = Field(description="auto, skorch or stacked")
    max_fits: Count = Field(description="a whole number >= 1")
    cv: int = Field(ge=2, description="a whole number >= 2")
    factor: int = Field(ge=2, description="a whole number >= 2")
    min_images: Count = Field(description="a whole number >= 1")
    max_images: Count = Field(description="a whole number >= 1")


class SearchSpec(SearchSettings):
    """Which candidates a search tries for one network, and how."""

    # Values of each training parameter, and of each argument of the network's build.
    space: Mapping[Literal["lr", "max_epochs", "batch_size", "optimizer"], list[Argument]]
    architecture: Mapping[str, list[Argument]]
