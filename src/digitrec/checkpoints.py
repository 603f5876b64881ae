"""Trained networks on disk: weights as safetensors, everything else as JSON beside them."""

import hashlib
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from digitrec.artifacts import read_json, replacing, write_json
from digitrec.errors import ArtifactError, CheckpointError, ParamsError
from digitrec.images import Normalization
from digitrec.params import Recipe
from digitrec.training import DigitClassifier, build_classifier, build_module


def save_checkpoint(path: Path, module: nn.Module, description: dict[str, Any]) -> None:
    """Write `path` (`.safetensors`) and, beside it, the `.json` that is needed to use it.

    Parameters
    ----------
    path : Path
        Where the weights go.
    module : nn.Module
        A trained network.
    description : dict
        JSON values; at least `model`, `architecture`, `recipe`, `mean` and `std`.
    """
    weights = save({key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()})
    with replacing(path) as temporary:
        temporary.write_bytes(weights)
    write_json(path.with_suffix(".json"), {**description, "sha256": hashlib.sha256(weights).hexdigest()})


def load_checkpoint(path: Path, device: str = "cpu") -> tuple[DigitClassifier, dict[str, Any]]:
    """Rebuild a trained classifier.

    Parameters
    ----------
    path : Path
        The `.safetensors` file that `save_checkpoint` wrote, its `.json` beside it.
    device : str
        Where the network goes.

    Returns
    -------
    classifier : DigitClassifier
        Ready to predict.
    description : dict
        What the `.json` says.

    Raises
    ------
    CheckpointError
        When a file is missing, damaged, or of another network.
    """
    advice = "Run `dvc repro train-final` to make it anew."
    try:
        description = read_json(path.with_suffix(".json"))
        weights = path.read_bytes()
    except (ArtifactError, OSError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}). {advice}") from error
    missing = {"model", "architecture", "recipe", "mean", "std", "sha256"}
    missing -= set(description if isinstance(description, dict) else ())
    if missing:
        raise CheckpointError(f"{path.with_suffix('.json')}: lacks {', '.join(sorted(missing))}. {advice}")
    if hashlib.sha256(weights).hexdigest() != description["sha256"]:
        raise CheckpointError(
            f"{path}: its SHA-256 is not the one in {path.with_suffix('.json').name}: "
            f"the file was cut short or belongs to another checkpoint. {advice}"
        )
    try:
        state = load(weights)
        build_module(description["model"], description["architecture"]).load_state_dict(state)
    except (SafetensorError, RuntimeError, ImportError, ParamsError) as error:
        reason = "; ".join(error.mistakes) if isinstance(error, ParamsError) else str(error)
        raise CheckpointError(
            f"{path}: does not fit the network '{description['model']}' ({' '.join(reason.split())}). {advice}"
        ) from error
    try:
        recipe = Recipe(**description["recipe"])
    except (ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path.with_suffix('.json')}: has no such recipe ({' '.join(str(error).split())}). {advice}"
        ) from error
    classifier = build_classifier(
        description["model"],
        description["architecture"],
        lr=1.0,
        max_epochs=1,
        batch_size=1,
        optimizer="sgd",
        recipe=recipe,
        normalization=Normalization(description["mean"], description["std"]),
        seed=0,
        device=device,
    ).initialize()
    classifier.module_.load_state_dict(state)
    return classifier, description
