"""The reader: a network beside the final one that also answers that something is no digit."""

from pathlib import Path
from typing import Any

import numpy as np

from digitrec.models import fast
from digitrec.pipeline.jobs import side_by_side
from digitrec.pipeline.progress import progress_bar
from digitrec.pipeline.seeding import derive_seed
from digitrec.reading.examples import KINDS, Examples, draw_examples
from digitrec.spec import ImageSpec, Normalization, Recipe, TrainingSpec
from digitrec.training.fit import fit
from digitrec.training.network import Network

# The answer for what is no digit.
NONE = "none"
# Drawn examples for each image of the dataset: of digits, of what is none and, for validation, of each kind of that.
DIGITS, OTHERS, VALID = 2 / 3, 5 / 3, 1 / 24
# Of what is no digit, examples that a process draws at a time: each of the 15 kinds as often.
PART = 450
# Of the validation's digits, the dataset's and drawn ones, this share is to be answered.
KEPT = 0.99


def reads_digits(image: ImageSpec) -> bool:
    """Tell whether images are handwritten digits as MNIST's, which drawn examples are like."""
    return image.preparation == "mnist" and image.classes == tuple("0123456789") and image.shape == (28, 28, 1)


def reader_image(image: ImageSpec) -> ImageSpec:
    """Give the specification of the same images with one class more, for what is none of the others."""
    return image.model_copy(update={"classes": (*image.classes, NONE)})


def reader_training(normalization: Normalization, max_epochs: int, seed: int) -> TrainingSpec:
    """Say how the reader is trained: small, in some minutes, with images turned, scaled and shifted a little."""
    return TrainingSpec(
        lr=0.006,
        max_epochs=max_epochs,
        batch_size=64,
        optimizer="adam",
        architecture={"width": 32},
        model=fast.__name__.rpartition(".")[2],
        recipe=Recipe(schedule="one_cycle", rotation=8, scale=0.08, shift=1, flagged_ones=0.25),
        normalization=normalization,
        seed=derive_seed(seed, "reader"),
    )


def reader_images(
    images: np.ndarray,
    labels: np.ndarray,
    image: ImageSpec,
    seed: int,
    jobs: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Put together what the reader is trained on: the dataset's digits, drawn ones, and what is none.

    Parameters
    ----------
    images, labels : array
        uint8 of shape (n, 28, 28, 1) and integers of shape (n,).
    image : ImageSpec
    seed : int
    jobs : int
        Processes that draw, which does not change what is drawn.

    Returns
    -------
    images, labels : array
        The label after the last class is of what is none.
    """
    n_digits, n_others = round(DIGITS * len(images)), round(OTHERS * len(images))
    n_parts = -(-n_others // PART)
    ends = np.arange(n_parts + 1)[:, None] * (n_digits, n_others) // n_parts
    tasks = [
        (images[..., 0], labels, image, derive_seed(seed, "reader examples", number), *map(int, counts))
        for number, counts in enumerate(np.diff(ends, axis=0))
    ]
    parts = {}
    with progress_bar(n_digits + n_others, "examples", unit="image") as bar:
        for number, part in side_by_side(draw_examples, tasks, jobs, "drawing examples"):
            parts[number] = part
            bar.update(len(part[0]) + len(part[2]))
    drawn, drawn_labels, others = (
        np.concatenate(each) for each in zip(*(parts[k] for k in sorted(parts)), strict=True)
    )
    everything = np.concatenate([images, drawn[..., None], others[..., None]])
    return everything, np.concatenate([labels, drawn_labels, np.full(n_others, image.n_classes)]).astype(np.int64)


def fit_reader(
    images: np.ndarray,
    labels: np.ndarray,
    image: ImageSpec,
    normalization: Normalization,
    max_epochs: int,
    seed: int,
    device: str,
    jobs: int,
    resume_folder: Path,
) -> tuple[Network, Path]:
    """Train the reader: arguments and what is given are those of `reader_images` and `digitrec.training.fit.fit`."""
    everything, answers = reader_images(images, labels, image, seed, jobs)
    training = reader_training(normalization, max_epochs, seed)
    net, state = fit(training, reader_image(image), everything, answers, device, resume_folder)
    return net.module_, state


def valid_examples(
    images: np.ndarray, labels: np.ndarray, image: ImageSpec, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], dict[str, np.ndarray]]:
    """Draw examples for validation, from images that no network was trained on.

    Returns
    -------
    digits : (array, array)
        uint8 of shape (10 * n, 28, 28, 1), and labels; n is a 24th of the images.
    others : dict of array
        By kind, uint8 of shape (n, 28, 28, 1).
    """
    draw = Examples(images[..., 0], labels, image, derive_seed(seed, "reader validation"))
    n = max(1, round(VALID * len(images)))
    drawn, drawn_labels = draw.digits(10 * n)
    return (drawn[..., None], drawn_labels), {kind: draw.of_kind(kind, n)[..., None] for kind in KINDS}


def refusal_scores(digits: tuple[np.ndarray, np.ndarray], others: dict[str, np.ndarray]) -> dict[str, Any]:
    """Choose the probability from which on answers are given, and say what is then refused.

    Parameters
    ----------
    digits : (array, array)
        Probabilities, floats of shape (n, classes), and labels of digits.
    others : dict of array
        Probabilities, by kind, of what is no digit.

    Returns
    -------
    dict
        threshold (the highest that keeps 99 % of the digits), digits (n, right, unsure and wrong) and refused (share
        and n, of all that is no digit and by kind).
    """
    probabilities, labels = digits
    sure = probabilities.max(1)
    threshold = float(np.quantile(sure, 1 - KEPT))
    right = probabilities.argmax(1) == labels
    answered = sure >= threshold
    everything = {"all": np.concatenate([*others.values()])} | others
    refused = {kind: values.max(1) < threshold for kind, values in everything.items()}
    return {
        "threshold": threshold,
        "digits": {
            "n": len(labels),
            "right": int((right & answered).sum()),
            "unsure": int((~answered).sum()),
            "wrong": int((~right & answered).sum()),
        },
        "refused": {kind: {"share": float(values.mean()), "n": len(values)} for kind, values in refused.items()},
    }
