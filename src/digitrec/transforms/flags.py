"""Flags on handwritten ones."""

import torch
from torch import Tensor


def flag_ones(pixels: Tensor, labels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Draw a flag on some of the ones: a stroke from their top down to the left, 20 to 65 degrees below the horizontal.

    MNIST's writers seldom made it, most of Europe's do; without it, such ones are taken for sevens.

    Parameters
    ----------
    pixels : Tensor
        float32 of shape (n, 1, h, w), from 0 to 1, light ink on black.
    labels : Tensor
        int64 of shape (n,).
    share : float
        Of the images of label 1 that get one.
    """
    chosen = (torch.rand(len(labels), generator=generator) < share).to(labels.device)
    rows = torch.nonzero(chosen & (labels == 1)).ravel()
    angle, length, half_width = torch.rand(3, len(rows), 1, 1, generator=generator).to(pixels)
    # 3 to 9 pixels long, 1.2 to 2.8 wide.
    angle, length, half_width = torch.deg2rad(20 + 45 * angle), 3 + 6 * length, 0.6 + 0.8 * half_width
    ones = pixels[rows, 0]
    peak = ones.amax((1, 2), keepdim=True)
    top = (ones > peak / 2).any(2).int().argmax(1)
    weights = ones[torch.arange(len(rows), device=pixels.device), top].clamp_min(1e-6)
    y, x = (torch.arange(size, device=pixels.device) for size in pixels.shape[2:])
    left = (weights * x).sum(1) / weights.sum(1)
    # Each pixel's distance from the stroke, by the point of it that is nearest.
    right, down = x - left.view(-1, 1, 1), y.view(-1, 1) - top.view(-1, 1, 1)
    along = (down * torch.sin(angle) - right * torch.cos(angle)).clamp_min(0).minimum(length)
    distance = torch.hypot(right + along * torch.cos(angle), down - along * torch.sin(angle))
    flag = (half_width + 0.5 - distance).clamp(0, 1) * peak
    pixels = pixels.clone()
    pixels[rows, 0] = torch.maximum(ones, flag)
    return pixels
