"""Figures of the data: samples, what augmentation does to them, classes."""

import numpy as np
import torch
from matplotlib.figure import Figure

from digitrec.distortions import distort
from digitrec.images import Augmentation, augmentation_of
from digitrec.params import Recipe
from digitrec.plots import TRAIN, gallery

SAMPLES_A_CLASS = 5
# Each kind alone, by amounts that can be seen.
KINDS = (
    Augmentation(rotation=25),
    Augmentation(scale=0.25),
    Augmentation(shift=4),
    Augmentation(crop_area=(0.5, 0.9), crop_ratio=(0.75, 1.33)),
)


def samples_figure(images: np.ndarray, labels: np.ndarray) -> Figure:
    """Draw the first images of each class, a class a column.

    Parameters
    ----------
    images, labels : array
        uint8 of shape (n, 28, 28) and integers of shape (n,).
    """
    classes, counts = np.unique(labels, return_counts=True)
    n = min(SAMPLES_A_CLASS, counts.min())
    rows = np.stack([np.flatnonzero(labels == k)[:n] for k in classes], axis=1).ravel()
    return gallery(images[rows], [str(k) for k in labels[rows]], "Training images", len(classes))


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
        f"a flag on {100 * augmentation.flagged_ones:g} %\nof the ones": augmentation.flagged_ones,
    }
    return [line for line, done in lines.items() if done] or ["none"]


def augmentation_figure(images: np.ndarray, labels: np.ndarray, name: str, recipe: Recipe, seed: int) -> Figure:
    """Draw the first image of each class as it is, after each kind of augmentation, and after a recipe's.

    Parameters
    ----------
    images, labels : array
        uint8 of shape (n, 28, 28) and integers of shape (n,).
    name : str
        Of the recipe.
    recipe : Recipe
    seed : int
        Of the amounts, which are drawn at random for each image.
    """
    classes, first = np.unique(labels, return_index=True)
    plain = torch.from_numpy(images[first] / np.float32(255)).unsqueeze(1)
    shown = torch.from_numpy(classes.astype(np.int64))
    whole = augmentation_of(recipe)
    rows = {"as they are": plain}
    rows |= {"\n".join(amounts(kind)): _augmented(plain, shown, kind, seed) for kind in KINDS}
    lines, of_recipe = amounts(whole), _augmented(plain, shown, whole, seed)
    if recipe.hardening:
        lines = [*(lines if whole else []), "distortions"]
        of_recipe = distort(of_recipe, recipe.hardening, torch.Generator().manual_seed(seed))
    rows["\n".join([f"recipe {name}:", *lines])] = of_recipe

    figure = Figure(figsize=(0.9 * len(classes) + 1.5, len(rows) + 0.5), layout="constrained")
    figure.suptitle("Training images after augmentation (amounts drawn at random within those stated)", fontsize=11)
    grid = figure.subplots(len(rows), len(classes), squeeze=False)
    for line, (text, row) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(line, row[:, 0].numpy(), strict=True):
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_color("lightgray")
        line[0].set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8)
    return figure


def _augmented(images: torch.Tensor, labels: torch.Tensor, augmentation: Augmentation, seed: int) -> torch.Tensor:
    return augmentation(images, torch.Generator().manual_seed(seed), labels=labels) if augmentation else images


def classes_figure(train_labels: np.ndarray, test_labels: np.ndarray) -> Figure:
    """Draw how many images of each class there are for training and for testing.

    Parameters
    ----------
    train_labels, test_labels : array
        Integers >= 0 of shape (n,).
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    parts = {"Training": train_labels, "Test": test_labels}
    for axes, (name, labels) in zip(figure.subplots(1, 2), parts.items(), strict=True):
        counts = np.bincount(labels)
        classes = np.arange(len(counts))
        bars = axes.barh(classes, counts, color=TRAIN)
        axes.bar_label(bars, fmt="{:,.0f}", label_type="center", color="white", fontsize=8)
        axes.axvline(counts.mean(), color="black", linestyle=":")
        axes.set(title=f"{name}: {len(labels):,} images (dotted: equal shares)", yticks=classes)
        axes.set(xlabel="images", ylabel="class")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def means_figure(images: np.ndarray, labels: np.ndarray) -> Figure:
    """Draw the mean image of each class.

    Parameters
    ----------
    images, labels : array
        uint8 of shape (n, 28, 28) and integers of shape (n,).
    """
    classes = np.unique(labels)
    means = np.stack([images[labels == k].mean(0) for k in classes])
    return gallery(means, [str(k) for k in classes], "Mean training image of each class")
