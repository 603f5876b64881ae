"""What the data look like, in numbers and arrays: counts, means, augmented samples."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from digitrec.data.dataset import spread
from digitrec.spec import Recipe
from digitrec.transforms.augmentation import Augmentation, augmentation_of
from digitrec.transforms.pixels import to_pixels

# Classes of which augmentation is shown.
MOST_CLASSES = 10


def class_rows(train_labels: np.ndarray, test_labels: np.ndarray, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Count images: a row for each class with its name and the numbers for training and for testing.

    Parameters
    ----------
    train_labels, test_labels : array
        Integers of shape (n,), from 0 to classes - 1.
    classes : sequence of str
        Names.
    """
    train, test = (np.bincount(labels, minlength=len(classes)).tolist() for labels in (train_labels, test_labels))
    return [
        {"class": name, "train": n_train, "test": n_test}
        for name, n_train, n_test in zip(classes, train, test, strict=True)
    ]


def mean_images(images: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Average the images of each class; a class without images is black.

    Parameters
    ----------
    images, labels : array
        uint8 of shape (n, height, width, channels), in memory or mapped, and integers of shape (n,).
    n_classes : int

    Returns
    -------
    array
        uint8 of shape (classes, height, width, channels).
    """
    means = np.zeros((n_classes, *images.shape[1:]), np.uint8)
    for k in np.unique(labels):
        means[k] = np.rint(images[labels == k].mean(0))
    return means


class AugmentedSamples(NamedTuple):
    """Images as they are and after each kind of augmentation.

    Attributes
    ----------
    images : array
        uint8 of shape (kinds, classes, height, width, channels).
    rows : list of str
        What was done, a title a kind.
    classes : list of int
        Of the images.
    """

    images: np.ndarray
    rows: list[str]
    classes: list[int]


def amounts(augmentation: Augmentation) -> list[str]:
    """Say what an augmentation does at most, a line a kind."""
    area, ratio = augmentation.crop_area, augmentation.crop_ratio
    lines = {
        f"rotation ±{augmentation.rotation:g}°": augmentation.rotation,
        f"scale ±{100 * augmentation.scale:g} %": augmentation.scale,
        f"shift ±{augmentation.shift:g} px": augmentation.shift,
        f"crop to {100 * area[0]:g}–{100 * area[1]:g} %\nof the area,\nratio {ratio[0]:g}–{ratio[1]:g}": (
            augmentation.crops
        ),
        f"flip of {100 * augmentation.flip:g} %\nof the images": augmentation.flip,
        f"a flag on {100 * augmentation.flagged_ones:g} %\nof the ones": augmentation.flagged_ones,
        "distortions": augmentation.hardening.distorts,
    }
    return [line for line, done in lines.items() if done] or ["none"]


def kinds(recipe: Recipe, side: int) -> list[Augmentation]:
    """Give each kind of map alone, by amounts that can be seen on images of so many pixels.

    A flip is among them if the recipe flips; outside of images and between pixels it is as there.
    """
    alone: list[dict[str, Any]] = [
        {"rotation": 25.0},
        {"scale": 0.25},
        {"shift": float(max(1, round(side / 7)))},
        {"crop_area": (0.5, 0.9), "crop_ratio": (0.75, 1.33)},
    ]
    if recipe.flip:
        alone.append({"flip": 1.0})
    return [Augmentation(**kind, outside=recipe.outside, interpolation=recipe.interpolation) for kind in alone]


def augmented_samples(images: np.ndarray, labels: np.ndarray, name: str, recipe: Recipe, seed: int) -> AugmentedSamples:
    """Augment the first image of each class, of ten classes at most, by each kind and as a recipe does.

    Parameters
    ----------
    images, labels : array
        uint8 of shape (n, height, width, channels) and integers of shape (n,).
    name : str
        Of the recipe.
    recipe : Recipe
    seed : int
        Of the amounts, which are drawn at random for each image.
    """
    present, first = np.unique(labels, return_index=True)
    chosen = spread(len(present), MOST_CLASSES)
    classes = present[chosen].astype(np.int64)
    plain, shown = to_pixels(images[first[chosen]]), torch.from_numpy(classes)

    def augmented(augmentation: Augmentation) -> torch.Tensor:
        return augmentation(plain, torch.Generator().manual_seed(seed), shown) if augmentation else plain

    rows = {"as they are": plain}
    rows |= {"\n".join(amounts(kind)): augmented(kind) for kind in kinds(recipe, min(images.shape[1:3]))}
    whole = augmentation_of(recipe)
    rows["\n".join([f"recipe {name}:", *amounts(whole)])] = augmented(whole)
    stacked = torch.stack(list(rows.values())).mul(255).round().clamp(0, 255).to(torch.uint8)
    return AugmentedSamples(stacked.permute(0, 1, 3, 4, 2).numpy(), list(rows), classes.tolist())
