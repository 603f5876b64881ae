"""The values that are tried: flat, as scikit-learn wants them; as candidates; as columns of a table."""

from collections.abc import Mapping
from typing import Any

from digitrec.spec import Hyperparameters, SearchSpec

# Before the name of a network's argument, so that it is never taken for a training parameter of that name.
PREFIX = "architecture__"
# Columns of a table of candidates that are no network's arguments; `score_1` and so on besides.
TAKEN = {"lr", "max_epochs", "batch_size", "optimizer", "round", "n_images", "score"}


def parameter_grid(search: SearchSpec) -> dict[str, list]:
    """Give the values of each parameter, a network's arguments with a prefix."""
    training: dict[str, list] = {name: list(values) for name, values in search.space.items()}
    return training | {PREFIX + name: list(values) for name, values in search.architecture.items()}


def candidate_of(params: Mapping[str, Any]) -> Hyperparameters:
    """Make a candidate of a value for each parameter of `parameter_grid`."""
    own = {key.removeprefix(PREFIX): value for key, value in params.items() if key.startswith(PREFIX)}
    training = {key: value for key, value in params.items() if not key.startswith(PREFIX)}
    return Hyperparameters(**training, architecture=own)


def first_candidate(search: SearchSpec) -> Hyperparameters:
    """Take the first value of each parameter."""
    return candidate_of({name: values[0] for name, values in parameter_grid(search).items()})


def columns(params: Mapping[str, Any]) -> dict[str, Any]:
    """Name parameters as in tables: a network's argument by its own name, if nothing else has that."""
    return {_column(key): value for key, value in params.items()}


def _column(key: str) -> str:
    name = key.removeprefix(PREFIX)
    if key != name and (name in TAKEN or name.startswith("score_")):
        return f"architecture.{name}"
    return name
