"""Normalization: the one place that knows of it, in front of every network."""

import torch
from torch import Tensor, nn

from digitrec.spec import Normalization


class Normalize(nn.Module):
    """Subtract each channel's mean and divide by its standard deviation.

    Parameters
    ----------
    normalization : Normalization
        Of pixels from 0 to 1.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, normalization: Normalization):
        super().__init__()
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (normalization.mean, normalization.std))
        # The specification holds them; a checkpoint of weights need not.
        self.register_buffer("scale", (1 / std).to(torch.float32).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("shift", (-mean / std).to(torch.float32).view(1, -1, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalize float32 pixels of shape (n, channels, height, width), from 0 to 1."""
        return torch.addcmul(self.shift, pixels, self.scale)
