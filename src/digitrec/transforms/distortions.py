"""Distortions of training images that make a network hold where images are worse than those it was shown."""

import itertools

import torch
from torch import Tensor
from torch.nn import functional

from digitrec.spec import Hardening

# Pixels along a side of the coarse grid that a background is drawn on, before it is enlarged to the image.
GRID = 4
# Straight parts of a line.
PARTS = 3


def distort(pixels: Tensor, hardening: Hardening, generator: torch.Generator) -> Tensor:
    """Distort images: each kind comes to a share of them, chosen anew for each kind.

    Parameters
    ----------
    pixels : Tensor
        float32 of shape (n, channels, h, w), from 0 to 1.
    hardening : Hardening
        The share, and the most of each kind.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor
        float32 of the same shape, from 0 to 1.
    """
    kinds = (
        (_filter, hardening.filter),
        (_outline, hardening.outline),
        (_background, hardening.background),
        (_line, hardening.line),
        (_patch, hardening.patch),
        (_specks, hardening.specks),
        (_noise, hardening.noise),
    )
    pixels = pixels.clone()
    for distorted, most in kinds:
        if most:
            amounts = draw_amounts(most, hardening.share, pixels, generator)
            rows = torch.nonzero(amounts.flatten()).ravel()
            if len(rows):
                pixels[rows] = distorted(pixels[rows], amounts[rows], generator)
    return pixels.clamp_(0, 1)


def draw_amounts(most: float, share: float, pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw amounts, evenly from none to the most, for a share of the images, 0 for the others: float32 (n, 1, 1, 1)."""
    chosen, amount = torch.rand(2, len(pixels), 1, 1, 1, generator=generator)
    return (most * amount).where(chosen < share, 0).to(pixels.device)


def _filter(pixels: Tensor, amount: Tensor, generator: torch.Generator) -> Tensor:
    """Mix with the image after a random 3 x 3 filter, brought to the range of pixels (Xu et al., arXiv 2007.13003).

    Each channel of an image goes through the same filter.
    """
    n, channels, height, width = pixels.shape
    kernels = torch.randn(n, 1, 3, 3, generator=generator).to(pixels.device).repeat_interleave(channels, 0)
    padded = functional.pad(pixels, [1] * 4, mode="replicate").reshape(1, n * channels, height + 2, width + 2)
    filtered = functional.conv2d(padded, kernels, groups=n * channels).view(pixels.shape)
    low, high = filtered.amin((1, 2, 3), keepdim=True), filtered.amax((1, 2, 3), keepdim=True)
    return torch.lerp(pixels, (filtered - low) / (high - low).clamp_min(1e-6), amount)


def _outline(pixels: Tensor, amount: Tensor, generator: torch.Generator) -> Tensor:
    """Mix with the outlines: what the brightest pixel of 3 x 3 has more than the darkest (a morphological gradient)."""
    padded = functional.pad(pixels, [1] * 4, mode="replicate")
    outlines = functional.max_pool2d(padded, 3, 1) + functional.max_pool2d(-padded, 3, 1)
    return torch.lerp(pixels, outlines, amount)


def _background(pixels: Tensor, amount: Tensor, generator: torch.Generator) -> Tensor:
    """Mix with a smooth random picture: a grid of random greys enlarged to the image, its contrast and level random."""
    n = len(pixels)
    level, contrast = torch.rand(2, n, 1, 1, 1, generator=generator)
    coarse = level + contrast * (torch.rand(n, 1, GRID, GRID, generator=generator) - 0.5)
    smooth = functional.interpolate(coarse.clamp_(0, 1), pixels.shape[2:], mode="bicubic", align_corners=False)
    return torch.lerp(pixels, smooth.clamp_(0, 1).to(pixels.device), amount)


def _line(pixels: Tensor, amount: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a line of that grey from one random point by others to a last, half a pixel to one and a half wide."""
    n, _, height, width = pixels.shape
    size = torch.tensor([width - 1.0, height - 1.0])
    points = torch.rand(n, PARTS + 1, 2, generator=generator) * size
    half_width = 0.25 + 0.5 * torch.rand(n, 1, 1, generator=generator)
    x, y = torch.arange(width), torch.arange(height).view(-1, 1)
    nearest = torch.full((n, height, width), torch.inf)
    for start, end in itertools.pairwise(points.unbind(1)):
        # Each pixel's distance from a part, by the point of it that is nearest.
        (from_x, from_y), (across, down) = (value.view(2, n, 1, 1) for value in (start.T, (end - start).T))
        along = (x - from_x) * across + (y - from_y) * down
        along = (along / (across**2 + down**2).clamp_min(1e-6)).clamp(0, 1)
        nearest = nearest.minimum(torch.hypot(x - from_x - along * across, y - from_y - along * down))
    line = (half_width + 0.5 - nearest).clamp(0, 1).unsqueeze(1).to(pixels.device)
    return torch.maximum(pixels, amount * line)


def _patch(pixels: Tensor, amount: Tensor, generator: torch.Generator) -> Tensor:
    """Fill a rectangle of that share of the area with one grey (Zhong et al., arXiv 1708.04896)."""
    n, _, height, width = pixels.shape
    ratio, x, y, grey = (v.to(pixels.device) for v in torch.rand(4, n, 1, 1, 1, generator=generator))
    ratio = torch.exp((2 * ratio - 1) * 1.2)
    wide, high = (amount * ratio).sqrt().clamp_max(1) * width, (amount / ratio).sqrt().clamp_max(1) * height
    columns = torch.arange(width, device=pixels.device).view(1, 1, 1, -1) - torch.round(x * (width - wide))
    rows = torch.arange(height, device=pixels.device).view(1, 1, -1, 1) - torch.round(y * (height - high))
    inside = (columns >= 0) & (columns < wide) & (rows >= 0) & (rows < high)
    return torch.where(inside, grey, pixels)


def _specks(pixels: Tensor, amount: Tensor, generator: torch.Generator) -> Tensor:
    """Give that share of the pixels a random grey each."""
    n, _, height, width = pixels.shape
    chosen, grey = torch.rand(2, n, 1, height, width, generator=generator).to(pixels.device)
    return torch.where(chosen < amount, grey, pixels)


def _noise(pixels: Tensor, amount: Tensor, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise of that deviation."""
    return pixels + amount * torch.randn(pixels.shape, generator=generator).to(pixels.device)
