"""Published systems as settings: the schema of `reproduction/params.yaml`."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from digitrec.errors import ParamsError
from digitrec.params import (
    Count,
    Optimizer,
    Positive,
    Recipe,
    Search,
    Section,
    check_values,
    did_you_mean,
    distinct,
    one_of,
    read_yaml,
)

Seed = Annotated[int, Field(ge=0, lt=2**32)]


class System(Section):
    """One training protocol: network, data transform, recipe, epochs and seeds."""

    model: one_of("models")
    architecture: dict[str, str | int | float] = Field({}, description="arguments of the network's build")
    lr: Positive = Field(description="a number > 0")
    max_epochs: Count = Field(description="a whole number >= 1")
    batch_size: Count = Field(description="a whole number >= 1")
    optimizer: Optimizer = Field(description="adam, rmsprop or sgd")
    mean: float = Field(ge=0, le=1, description="a number from 0 to 1")
    std: float = Field(gt=0, le=1, description="a number above 0 and at most 1")
    recipe: Recipe = Field(Recipe(), description="a section of keys")
    seeds: Annotated[list[Seed], AfterValidator(distinct)] = Field(
        description="a list of different whole numbers, empty for what is not to be run"
    )


class Shorten(Section):
    """Section `shorten`: what no training exceeds."""

    max_epochs: Count = Field(description="a whole number >= 1")
    max_images: Count = Field(description="a whole number >= 1")
    max_seeds: Count = Field(description="a whole number >= 1")


class Embedding(Section):
    """Section `embedding`."""

    images: Annotated[list[Annotated[int, Field(ge=10)]], AfterValidator(distinct)] = Field(
        min_length=1, description="a list of one or more different whole numbers >= 10"
    )


class SuspiciousLabels(Section):
    """Section `suspicious_labels`."""

    folds: int = Field(ge=2, description="a whole number >= 2")
    max_images: Count = Field(description="a whole number >= 1")
    model: one_of("models")
    architecture: dict[str, str | int | float] = Field({}, description="arguments of the network's build")
    lr: Positive = Field(description="a number > 0")
    max_epochs: Count = Field(description="a whole number >= 1")
    batch_size: Count = Field(description="a whole number >= 1")
    optimizer: Optimizer = Field(description="adam, rmsprop or sgd")
    recipe: Recipe = Field(Recipe(), description="a section of keys")


class ReproductionParams(Section):
    """All of `reproduction/params.yaml`; the comments there say what each key means."""

    shorten: Shorten
    embedding: Embedding
    suspicious_labels: SuspiciousLabels
    search: Search
    systems: dict[str, System] = Field(min_length=1, description="a section a system")

    def system(self, name: str) -> System:
        """Give the system of that name.

        Raises
        ------
        ParamsError
            When there is none.
        """
        if name not in self.systems:
            names = sorted(self.systems)
            raise ParamsError([f"systems: has no '{name}', only {', '.join(names)}{did_you_mean(name, names)}"])
        return self.systems[name]


def load_systems(path: Path) -> ReproductionParams:
    """Read and check all of `reproduction/params.yaml`.

    Raises
    ------
    ParamsError
        Naming every mistake: key, value and what was expected.
    """
    params, mistakes = check_values(ReproductionParams, read_yaml(path))
    if mistakes:
        raise ParamsError(mistakes, f"{path.parent.name}/{path.name}")
    return params
