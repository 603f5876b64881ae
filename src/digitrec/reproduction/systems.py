"""Published systems as settings: the schema of `reproduction/params.yaml`."""

import shutil
from pathlib import Path
from typing import Annotated

from pydantic import Field

from digitrec.config.params import Search
from digitrec.config.section import DISTINCT, check_values, did_you_mean, one_of
from digitrec.config.yaml import read_yaml
from digitrec.errors import ParamsError
from digitrec.spec import Count, Hyperparameters, Normalization, Recipe, Seed, Spec, TrainingSpec

# The one system whose hyper-parameters are searched.
SEARCHED = "okon"


class Protocol(Hyperparameters):
    """How one network is trained, but for its normalization and its seed."""

    model: Annotated[str, one_of("models")] = Field(description="a file in models")
    recipe: Recipe = Field(Recipe(), description="a section of keys")

    def training_with(self, normalization: Normalization, seed: int) -> TrainingSpec:
        """Complete it."""
        given = {name: getattr(self, name) for name in Protocol.model_fields}
        return TrainingSpec(**given, normalization=normalization, seed=seed)


class System(Protocol):
    """One training protocol: network, data transform, recipe, epochs and seeds."""

    mean: float = Field(ge=0, le=1, description="a number from 0 to 1")
    std: float = Field(gt=0, le=1, description="a number above 0 and at most 1")
    seeds: Annotated[list[Seed], DISTINCT] = Field(
        description="a list of different whole numbers, empty for what is not to be run"
    )

    @property
    def normalization(self) -> Normalization:
        return Normalization(mean=self.mean, std=self.std)

    def training(self, seed: int) -> TrainingSpec:
        """Give the training of one run."""
        return self.training_with(self.normalization, seed)


class Shorten(Spec):
    """Section `shorten`: what no training exceeds."""

    max_epochs: Count = Field(description="a whole number >= 1")
    max_images: Count = Field(description="a whole number >= 1")
    max_seeds: Count = Field(description="a whole number >= 1")


class Embedding(Spec):
    """Section `embedding`."""

    images: Annotated[list[Annotated[int, Field(ge=10)]], DISTINCT] = Field(
        min_length=1, description="a list of one or more different whole numbers >= 10"
    )


class SuspiciousLabels(Protocol):
    """Section `suspicious_labels`."""

    folds: int = Field(ge=2, description="a whole number >= 2")
    max_images: Count = Field(description="a whole number >= 1")


class ReproductionParams(Spec):
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
    if params and SEARCHED in params.systems:
        model = params.systems[SEARCHED].model
        if model not in params.search.architectures:
            mistakes.append(f"search.architectures: has no section for the model '{model}'; add `{model}: {{}}`")
    if params is None or mistakes:
        raise ParamsError(mistakes, f"{path.parent.name}/{path.name}")
    return params


def clear_unnamed(root: Path, params: ReproductionParams) -> None:
    """Remove results of systems and embeddings that `params.yaml` names no more; DVC's cache has them.

    Stages depend on the folders: with what an earlier run left there, they would have hashes that no clone can match.
    """
    sizes = {str(n) for n in params.embedding.images}
    for folder, names in (
        ("data/systems", params.systems),
        ("metrics/systems", params.systems),
        ("metrics/times", params.systems),
        ("data/tsne", sizes),
    ):
        for path in (root / folder).glob("[!.]*"):
            if path.name.removesuffix(".json").removesuffix(".csv") not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
