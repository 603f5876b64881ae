"""What the reader learns: a network beside the final one that also answers that something is no digit."""

from typing import Any

import numpy as np

from digitrec.pipeline.seeding import derive_seed
from digitrec.reading.examples import KINDS, Examples
from digitrec.spec import ImageSpec, Normalization, Recipe, TrainingSpec

# The answer for what is no digit.
NONE = "none"
# Drawn examples beside the dataset's own images: of digits, of what is none, and of each kind of that for validation.
N_DIGITS, N_OTHERS, N_VALID = 24_000, 40_000, 250


def reads_digits(image: ImageSpec) -> bool:
    """Tell whether images are handwritten digits as MNIST's, of which alone drawn examples are like."""
    return image.preparation == "mnist" and image.classes == tuple("0123456789") and image.shape == (28, 28, 1)


def reader_image(image: ImageSpec) -> ImageSpec:
    """Give the specification of the same images with one class more."""
    return image.model_copy(update={"classes": (*image.classes, NONE)})


def reader_training(normalization: Normalization, seed: int) -> TrainingSpec:
    """Say how the reader is trained: small, quickly, and with images turned, scaled and shifted."""
    recipe = Recipe(schedule="one_cycle", rotation=8, scale=0.08, shift=1, flagged_ones=0.25)
    return TrainingSpec(
        lr=0.006,
        max_epochs=6,
        batch_size=64,
        optimizer="adam",
        architecture={"width": 24},
        model="fast",
        recipe=recipe,
        normalization=normalization,
        seed=derive_seed(seed, "reader"),
    )


def reader_images(
    images: np.ndarray,
    labels: np.ndarray,
    image: ImageSpec,
    seed: int,
    n_digits: int = N_DIGITS,
    n_others: int = N_OTHERS,
) -> tuple[np.ndarray, np.ndarray]:
    """Put together what the reader is trained on: the dataset's digits, drawn ones, and what is none.

    Parameters
    ----------
    images, labels : array
        uint8 of shape (n, 28, 28, 1) and integers of shape (n,).
    image : ImageSpec
    seed : int
    n_digits, n_others : int
        Drawn examples.

    Returns
    -------
    images, labels : array
        The label after the last class is of what is none.
    """
    draw = Examples(images[..., 0], labels, image, derive_seed(seed, "reader examples"))
    drawn, drawn_labels = draw.digits(n_digits)
    others = draw.others(n_others)
    everything = np.concatenate([images, drawn[..., None], others[..., None]])
    return everything, np.concatenate([labels, drawn_labels, np.full(n_others, image.n_classes)]).astype(np.int64)


def valid_examples(
    images: np.ndarray, labels: np.ndarray, image: ImageSpec, seed: int, n: int = N_VALID
) -> tuple[tuple[np.ndarray, np.ndarray], dict[str, np.ndarray]]:
    """Draw examples from images that no network was trained on: digits with labels, and by kind what is none."""
    draw = Examples(images[..., 0], labels, image, derive_seed(seed, "reader validation"))
    drawn, drawn_labels = draw.digits(10 * n)
    return (drawn[..., None], drawn_labels), {kind: draw.of_kind(kind, n)[..., None] for kind in KINDS}


def refusal_scores(digits: np.ndarray, others: dict[str, np.ndarray], share: float = 0.99) -> dict[str, Any]:
    """Tell what share of what is no digit is refused where a share of the digits is kept.

    Parameters
    ----------
    digits : array
        Probability of the most probable class, floats of shape (n,), of digits.
    others : dict
        The same, by kind, of what is none.
    share : float
        Of the digits that is kept.

    Returns
    -------
    dict
        threshold, kept, and refused: by kind the share and n.
    """
    threshold = float(np.quantile(digits, 1 - share))
    refused = {
        kind: {"refused": float((values < threshold).mean()), "n": len(values)} for kind, values in others.items()
    }
    return {"threshold": threshold, "kept": float((digits >= threshold).mean()), "refused": refused}
