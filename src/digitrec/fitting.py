"""A whole training from settings, by epochs that survive an interruption."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback

from digitrec import images as images_module
from digitrec import seeding, training
from digitrec.artifacts import replacing
from digitrec.fingerprint import fingerprint
from digitrec.hardening import hardening_callbacks, hardening_modules
from digitrec.images import Normalization
from digitrec.params import Recipe
from digitrec.training import DigitClassifier, ResumeFrom, build_classifier

CURVES = ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy")


def fit(
    settings: Mapping[str, Any],
    images: np.ndarray,
    labels: np.ndarray,
    device: str,
    resume_folder: Path,
    callbacks: Sequence[tuple[str, Callback]] = (),
    verbose: int = 1,
) -> tuple[DigitClassifier, Path]:
    """Train on images, going on where an interrupted training was.

    Parameters
    ----------
    settings : mapping
        JSON values: model, architecture, lr, batch_size, max_epochs, optimizer, recipe, mean, std, seed.
    images, labels : array
        uint8 of shape (n, 28, 28) and integers of shape (n,).
    device : str
    resume_folder : Path
        The state after each epoch is kept there under a name made of settings, data and code.
    callbacks : sequence of (name, Callback)
        Told of each epoch before its state is kept, so that what they add to the history is kept too.
    verbose : int
        1 prints skorch's epoch table, 0 nothing.

    Returns
    -------
    classifier : DigitClassifier
    resume_state : Path
        To be removed once the results are safe.
    """
    recipe = Recipe(**settings["recipe"])
    modules = (images_module, seeding, training, training.find_model(settings["model"]), *hardening_modules(recipe))
    name = fingerprint({**settings, "device": device}, modules, (images, labels))[:32]
    state = resume_folder / f"{name}.pt"
    classifier = build_classifier(
        settings["model"],
        settings["architecture"],
        **{key: settings[key] for key in ("lr", "batch_size", "max_epochs", "optimizer", "seed")},
        recipe=recipe,
        normalization=Normalization(settings["mean"], settings["std"]),
        images=images,
        device=device,
        callbacks=[*hardening_callbacks(recipe), *callbacks, ("resume", ResumeFrom(state, _save_state))],
        verbose=verbose,
    )
    classifier.fit(np.arange(len(labels)), labels.astype(np.int64))
    return classifier, state


def _save_state(path: Path, state: dict[str, Any]) -> None:
    # By way of memory: on a full disk, torch's own writer raises what cannot be told from a bug.
    content = io.BytesIO()
    torch.save(state, content)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())
