"""The final training: settings resolved from parameters and search, epochs that survive an interruption."""

import hashlib
import inspect
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import skorch
import torch

from digitrec import images as images_module
from digitrec import seeding, training
from digitrec.artifacts import replacing
from digitrec.images import Normalization
from digitrec.live import DVCLiveCallback
from digitrec.params import Params, Recipe
from digitrec.training import DigitClassifier, ResumeFrom, build_classifier

CURVES = ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy")
HISTORY_COLUMNS = ("epoch", *CURVES)


def resolve_settings(params: Params, best: Mapping[str, Any], statistics: Mapping[str, float]) -> dict[str, Any]:
    """Put together all that the final network depends on but the images.

    Parameters
    ----------
    params : Params
        Its `lr`, `batch_size`, `max_epochs` and `optimizer` are taken unless they are `auto`.
    best : mapping
        The search's winner: these four, and the network's arguments.
    statistics : mapping
        mean and std of the pixels.

    Returns
    -------
    dict
        JSON values: dataset, model, architecture, the four, recipe, mean, std, seed.
    """
    architecture = dict(best)
    chosen = {}
    for key in ("lr", "batch_size", "max_epochs", "optimizer"):
        found = architecture.pop(key)
        wanted = getattr(params, key)
        chosen[key] = found if wanted == "auto" else wanted
    return {
        "dataset": params.dataset,
        "model": params.model,
        "architecture": architecture,
        **chosen,
        "recipe": params.chosen_recipe.model_dump(),
        "mean": statistics["mean"],
        "std": statistics["std"],
        "seed": params.seed,
    }


def train_final(
    settings: Mapping[str, Any],
    images: np.ndarray,
    labels: np.ndarray,
    device: str,
    resume_folder: Path,
    live: Path | None = None,
) -> tuple[DigitClassifier, Path]:
    """Train on images with a validation split, going on where an interrupted training was.

    Parameters
    ----------
    settings : mapping
        From `resolve_settings`.
    images, labels : array
        uint8 of shape (n, 28, 28) and integers of shape (n,).
    device : str
    resume_folder : Path
        The state after each epoch is kept there under a name made of settings, data and code.
    live : Path, optional
        DVCLive's folder.

    Returns
    -------
    classifier : DigitClassifier
    resume_state : Path
        To be removed once the results are safe.
    """
    network = training.find_model(settings["model"])
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    digest.update(f"{torch.__version__} {skorch.__version__} {device}".encode())
    for module in (images_module, seeding, training, network):
        digest.update(inspect.getsource(module).encode())
    for array in (images, labels):
        digest.update(np.ascontiguousarray(array))
    state = resume_folder / f"{digest.hexdigest()[:32]}.pt"
    callbacks = [("resume", ResumeFrom(state, _save_state))]
    if live is not None:
        callbacks.append(("live", DVCLiveCallback(live, CURVES)))
    classifier = build_classifier(
        settings["model"],
        settings["architecture"],
        **{key: settings[key] for key in ("lr", "batch_size", "max_epochs", "optimizer", "seed")},
        recipe=Recipe(**settings["recipe"]),
        normalization=Normalization(settings["mean"], settings["std"]),
        images=images,
        device=device,
        callbacks=callbacks,
    )
    classifier.fit(np.arange(len(labels)), labels.astype(np.int64))
    return classifier, state


def _save_state(path: Path, state: dict[str, Any]) -> None:
    # By way of memory: on a full disk, torch's own writer raises what cannot be told from a bug.
    content = io.BytesIO()
    torch.save(state, content)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())
