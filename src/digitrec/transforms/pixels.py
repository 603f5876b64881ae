"""From stored images to what networks take."""

import numpy as np
import torch
from torch import Tensor


def to_pixels(images: np.ndarray | Tensor, device: str = "cpu") -> Tensor:
    """Scale images to the range from 0 to 1.

    Parameters
    ----------
    images : array or Tensor
        uint8 of shape (n, height, width, channels).
    device : str
        Where the pixels go.

    Returns
    -------
    Tensor
        float32 of shape (n, channels, height, width), in `channels_last` layout.
    """
    if isinstance(images, np.ndarray):
        images = torch.from_numpy(images)
    return images.to(device).permute(0, 3, 1, 2).to(torch.float32).mul_(1 / 255)
