"""What a training does at each step, whoever runs it: optimizers, learning rates, losses, and when it has failed."""

import inspect
import math
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from digitrec.errors import TrainingDiverged
from digitrec.spec import Recipe


class _NotCompiled:
    """What torch tells its compiler to leave alone, without the compiler, whose import takes 1.4 s."""

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)


class Adam(_NotCompiled, torch.optim.Adam):
    """As torch has it (Kingma and Ba, arXiv 1412.6980)."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class RMSprop(_NotCompiled, torch.optim.RMSprop):
    """As torch has it (Tieleman and Hinton's lecture of 2012)."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.RMSprop.step))


class SGD(_NotCompiled, torch.optim.SGD):
    """As torch has it, with momentum where a recipe says so."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))


# Fused: one kernel for all weights. It makes an Adam step of MNISTNet 3 times faster than a loop over its 12 tensors.
# RMSprop has none; the loop in C++ spares a fifth of it, and makes the same numbers.
OPTIMIZERS: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "adam": (Adam, {"fused": True}),
    "rmsprop": (RMSprop, {"foreach": True}),
    "sgd": (SGD, {"fused": True}),
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
