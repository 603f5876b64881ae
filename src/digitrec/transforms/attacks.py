"""Adversarial images: changed within ±eps a pixel so that a network errs on them."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

# From pixels, float32 of shape (n, channels, height, width) from 0 to 1, to logits of shape (n, classes).
Logits = Callable[[Tensor], Tensor]

# Madry et al. (arXiv 1706.06083) on MNIST: 40 steps of 0.01 from a random place.
PGD_STEPS, PGD_STEP = 40, 0.01


def fgsm(logits_of: Logits, pixels: Tensor, labels: Tensor, eps: float) -> Tensor:
    """Change each pixel by eps towards a larger loss (Goodfellow et al., arXiv 1412.6572).

    Parameters
    ----------
    logits_of : callable
        The network, its normalization in it, in evaluation mode.
    pixels : Tensor
        float32 of shape (n, channels, height, width), from 0 to 1.
    labels : Tensor
        int64 of shape (n,).
    eps : float
        In the same unit as pixels.

    Returns
    -------
    Tensor
        float32 of the shape of `pixels`, from 0 to 1.
    """
    return _ascend(logits_of, pixels, pixels, labels, eps, eps)


def pgd(
    logits_of: Logits,
    pixels: Tensor,
    labels: Tensor,
    eps: float | Tensor,
    generator: torch.Generator,
    steps: int = PGD_STEPS,
    step: float | Tensor = PGD_STEP,
) -> Tensor:
    """Take many small such steps from a random place no further than eps away (Madry et al., arXiv 1706.06083).

    Parameters
    ----------
    logits_of, pixels, labels
        As `fgsm` takes them.
    eps : float or Tensor
        In the same unit as pixels; of each image where it is a tensor of shape (n, 1, 1, 1).
    generator : torch.Generator
        Draws where to start; on the CPU.
    steps : int
    step : float or Tensor
        In the same unit as pixels.

    Returns
    -------
    Tensor
        float32 of the shape of `pixels`, from 0 to 1.
    """
    start = torch.rand(pixels.shape, generator=generator).mul_(2).sub_(1).to(pixels.device)
    changed = (pixels + eps * start).clamp_(0, 1)
    for _ in range(steps):
        changed = _ascend(logits_of, changed, pixels, labels, eps, step)
    return changed


def _ascend(
    logits_of: Logits, changed: Tensor, pixels: Tensor, labels: Tensor, eps: float | Tensor, step: float | Tensor
) -> Tensor:
    """Change `changed` by a step, but stay within eps of `pixels` and within the range of pixels."""
    with torch.enable_grad():
        changed = changed.detach().requires_grad_()
        loss = functional.cross_entropy(logits_of(changed), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, changed)
    stepped = changed.detach() + step * gradient.sign()
    return torch.clamp(torch.minimum(torch.maximum(stepped, pixels - eps), pixels + eps), 0, 1)
