"""A whole training from its specification, by epochs that survive an interruption."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback

from digitrec import spec
from digitrec.data import batches
from digitrec.errors import ParamsError
from digitrec.models import _size
from digitrec.pipeline import seeding
from digitrec.pipeline.fingerprint import fingerprint
from digitrec.spec import ImageSpec, TrainingSpec
from digitrec.training import classifier, network, resume, schedule
from digitrec.training.classifier import ImageClassifier, ImageRows, build_classifier
from digitrec.training.hardening import hardening_callbacks, hardening_modules
from digitrec.training.network import build_network, find_model
from digitrec.training.resume import ResumeFrom
from digitrec.transforms import affine, augmentation, distortions, flags, normalization, pixels

CURVES = ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy")
# The modules whose source every training depends on, besides its network's.
TRAINING_MODULES = (
    spec,
    seeding,
    pixels,
    normalization,
    affine,
    augmentation,
    distortions,
    flags,
    batches,
    _size,
    network,
    schedule,
    classifier,
)


def check_batches(training: TrainingSpec, image: ImageSpec) -> None:
    """Refuse to train on batches of one image what normalizes each batch and would have a single value to do it by.

    Raises
    ------
    ParamsError
        When the network does so and the batches are that small.
    """
    if training.batch_size == 1 and (why := why_not_one_image(training, image)):
        raise ParamsError([f"batch_size: got 1, {why}"])


def why_not_one_image(training: TrainingSpec, image: ImageSpec) -> str | None:
    """Say why the network cannot be trained on one image at a time; None where it can."""
    network = build_network(training.model, training.architecture, image, training.normalization)
    try:
        with torch.no_grad():
            network.train()(torch.zeros(1, *image.input_shape))
    except ValueError:
        return (
            f"but '{training.model}' normalizes each batch by its own mean and deviation, and in one image of {image} "
            "a map comes to a single value; expected 2 or more"
        )
    return None


def fit(
    training: TrainingSpec,
    image: ImageSpec,
    images: np.ndarray,
    labels: np.ndarray,
    device: str,
    resume_folder: Path,
    callbacks: Sequence[tuple[str, Callback]] = (),
    verbose: int = 1,
    split: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[ImageClassifier, Path]:
    """Train on images, going on where an interrupted training was.

    Parameters
    ----------
    training : TrainingSpec
    image : ImageSpec
    images, labels : array
        uint8 of shape (n, height, width, channels) and integers of shape (n,).
    device : str
    resume_folder : Path
        The state after each epoch is kept there under a name made of settings, data, code and device.
    callbacks : sequence of (name, Callback)
        Told of each epoch before its state is kept, so that what they add to the history is kept too.
    verbose : int
        1 prints skorch's epoch table, 0 nothing.
    split : (train_rows, valid_rows) or None
        Rows to train on and rows that are scored after each epoch; without it all are trained on.

    Returns
    -------
    classifier : ImageClassifier
    resume_state : Path
        To be removed once the results are safe.

    Raises
    ------
    ParamsError
        When the network cannot be trained on batches of one image, as it is told to.
    """
    check_batches(training, image)
    train_rows, valid_rows = split if split is not None else (np.arange(len(labels)), None)
    settings = {"training": training.model_dump(mode="json"), "image": image.model_dump(mode="json"), "device": device}
    modules = (
        *TRAINING_MODULES,
        resume,
        sys.modules[__name__],
        find_model(training.model),
        *hardening_modules(training.recipe),
    )
    rows = [train_rows, valid_rows] if valid_rows is not None else [train_rows]
    state = resume_folder / f"{fingerprint(settings, modules, (images, labels, *rows))[:32]}.pt"
    train_labels = labels[train_rows].astype(np.int64)
    net = build_classifier(
        training,
        image,
        images=images,
        train_labels=train_labels,
        valid=ImageRows(images, labels, valid_rows) if valid_rows is not None else None,
        device=device,
        callbacks=[*hardening_callbacks(training.recipe), *callbacks, ("resume", ResumeFrom(state))],
        verbose=verbose,
    )
    net.fit(train_rows, train_labels)
    return net, state
