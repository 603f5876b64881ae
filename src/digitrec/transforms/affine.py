"""Affine maps of images."""

import torch
from torch import Tensor
from torch.nn import functional


def affine(
    pixels: Tensor,
    radians: Tensor,
    scale_x: Tensor,
    scale_y: Tensor,
    right: Tensor,
    down: Tensor,
    *,
    outside: str = "black",
    interpolation: str = "bilinear",
) -> Tensor:
    """Rotate each image about its centre, then scale it, then shift it.

    Parameters
    ----------
    pixels : Tensor
        float32 of shape (n, channels, h, w).
    radians, scale_x, scale_y, right, down : Tensor
        float32 of shape (n,): clockwise rotation, size ratios, shift in pixels.
    outside : {"black", "edge"}
        What comes in from outside the image: 0, or the nearest pixel of its edge.
    interpolation : {"bilinear", "nearest"}
        Between pixels.

    Returns
    -------
    Tensor
        float32 of the shape of `pixels`.
    """
    n, _, height, width = pixels.shape
    # affine_grid asks where in the input (in [-1, 1]) each output pixel comes from: the inverse map.
    cos, sin = torch.cos(radians), torch.sin(radians)
    x, y = right * (2 / width), down * (2 / height)
    # A step there is half a side: of an image that is not square, not the same along both axes.
    from_x = cos / scale_x, sin / scale_y * (height / width)
    from_y = -sin / scale_x * (width / height), cos / scale_y
    rows = [*from_x, -from_x[0] * x - from_x[1] * y, *from_y, -from_y[0] * x - from_y[1] * y]
    grid = functional.affine_grid(torch.stack(rows, 1).view(n, 2, 3), list(pixels.shape), align_corners=False)
    padding = "border" if outside == "edge" else "zeros"
    return functional.grid_sample(pixels, grid, interpolation, padding, align_corners=False)
