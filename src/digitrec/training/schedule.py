"""What a training does at each step, whoever runs it: optimizers, learning rates, losses, and when it has failed."""

import math
from typing import Any

import torch
from torch import Tensor

from digitrec.errors import TrainingDiverged
from digitrec.spec import Recipe

# Fused: one kernel for all weights. It makes an Adam step of MNISTNet 3 times faster than a loop over its 12 tensors.
OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "adam": (torch.optim.Adam, {"fused": True}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "sgd": (torch.optim.SGD, {"fused": True}),
}
# What an auxiliary classifier's loss counts (Szegedy et al., arXiv 1409.4842, section 5).
AUXILIARY_WEIGHT = 0.3


def one_cycle(progress: float) -> float:
    """Learning rate of the one-cycle schedule, as a ratio to its peak.

    Parameters
    ----------
    progress : float
        Share of all steps that have been made, from 0 to 1.

    Returns
    -------
    float
        From 1/25 up to 1 over the first 30 % of the steps, then down to 4e-6, both along half a cosine
        (Smith and Topin, arXiv 1708.07120; the figures are PyTorch's defaults).
    """
    warm_up, start, end = 0.3, 1 / 25, 1 / 25e4
    if progress < warm_up:
        low, share = start, progress / warm_up
    else:
        low, share = end, (1 - progress) / (1 - warm_up)
    return low + (1 - low) * (1 - math.cos(math.pi * share)) / 2


def learning_rate_ratio(recipe: Recipe, progress: float) -> float:
    """Give the learning rate after a share of all steps, as a ratio to `lr`."""
    return one_cycle(progress) if recipe.schedule == "one_cycle" else 1.0


def multiplying(recipe: Recipe, device: str) -> torch.autocast:
    """Make the context in which a training's network multiplies, in the precision that the recipe names.

    bfloat16 halves the time of a step on processors that have units for it, and takes many times as long on others.
    """
    return torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=recipe.precision == "bfloat16")


def class_weights(labels: Tensor, n_classes: int, recipe: Recipe) -> Tensor | None:
    """Give what an image of each class counts in the loss.

    Parameters
    ----------
    labels : Tensor
        Of the training images, int64 of shape (n,).
    n_classes : int
    recipe : Recipe

    Returns
    -------
    Tensor or None
        float32 of shape (n_classes,): with `class_weight: balanced` the inverse of the class's share (King and Zeng
        2001, doi 10.1093/oxfordjournals.pan.a004868), 0 for a class without images; None where all count alike.
    """
    if recipe.class_weight == "none":
        return None
    counts = torch.bincount(labels, minlength=n_classes).to(torch.float32)
    return torch.where(counts > 0, len(labels) / (n_classes * counts.clamp_min(1)), 0.0)


def check_loss(loss: float, epoch: int, max_epochs: int, lr: float, batch_size: int, optimizer: str) -> None:
    """See whether a training goes well.

    Parameters
    ----------
    loss : float
        Of the training images, mean over the epoch.
    epoch : int
        From 1.
    max_epochs, lr, batch_size, optimizer
        What the training was told.

    Raises
    ------
    TrainingDiverged
        When the loss is no number or infinite.
    """
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"training: the loss became {loss} in epoch {epoch} of {max_epochs} "
            f"(lr={lr}, batch_size={batch_size}, optimizer={optimizer}). "
            "Nothing was written; try a smaller lr."
        )
