"""Optimizers of many networks at once, each with a learning rate of its own. The arithmetic is torch.optim's."""

from collections.abc import Sequence

import torch
from torch import Tensor


class _Optimizer:
    """Keeps its averages, which start at zero, as tensors of the weights' shape (members, parameters)."""

    n_averages = 1

    def __init__(self, weights: Tensor):
        self.averages = [torch.zeros_like(weights) for _ in range(self.n_averages)]

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all other members."""
        self.averages = [average[rows] for average in self.averages]

    def step(self, weights: Tensor, gradients: Tensor, rates: Tensor) -> None:
        """Change the weights in place.

        Parameters
        ----------
        weights, gradients : Tensor
            float32 of shape (members, parameters).
        rates : Tensor
            Learning rates, float64 of shape (members,).
        """
        raise NotImplementedError


def _column(rates: Tensor, weights: Tensor) -> Tensor:
    return rates.to(weights.dtype).unsqueeze(1)


class StackedSGD(_Optimizer):
    """With momentum (torch's, without dampening)."""

    def __init__(self, weights: Tensor, momentum: float):
        super().__init__(weights)
        self.momentum = momentum

    def step(self, weights: Tensor, gradients: Tensor, rates: Tensor) -> None:
        (velocity,) = self.averages
        velocity.mul_(self.momentum).add_(gradients)
        weights.addcmul_(velocity, -_column(rates, weights))


class StackedRMSprop(_Optimizer):
    """RMSprop (Hinton's lecture), not centred, without momentum."""

    def step(self, weights: Tensor, gradients: Tensor, rates: Tensor) -> None:
        (square,) = self.averages
        square.mul_(0.99).addcmul_(gradients, gradients, value=1 - 0.99)
        weights.addcmul_(gradients / square.sqrt().add_(1e-8), -_column(rates, weights))


class StackedAdam(_Optimizer):
    """Adam (Kingma and Ba, arXiv 1412.6980)."""

    n_averages = 2

    def __init__(self, weights: Tensor):
        super().__init__(weights)
        # Tensors, so that a step can be captured as a CUDA graph; float64, because 1 - 0.999 is small.
        self.decays = torch.tensor([0.9, 0.999], dtype=torch.float64, device=weights.device)
        self.powers = torch.ones_like(self.decays)

    def step(self, weights: Tensor, gradients: Tensor, rates: Tensor) -> None:
        mean, square = self.averages
        self.powers.mul_(self.decays)
        of_mean, of_square = 1 - self.powers
        mean.lerp_(gradients, 1 - 0.9)
        square.mul_(0.999).addcmul_(gradients, gradients, value=1 - 0.999)
        # The corrections of both averages are taken into rates and eps: two passes over the weights fewer.
        correction = of_square.sqrt()
        divisor = square.sqrt().add_(correction * 1e-8)
        weights.addcmul_(mean / divisor, -_column(rates * correction / of_mean, weights))


def stacked_optimizer(name: str, weights: Tensor, momentum: float) -> _Optimizer:
    """Make the counterpart of `schedule.OPTIMIZERS[name]`.

    Parameters
    ----------
    name : {"adam", "rmsprop", "sgd"}
    weights : Tensor
        float32 of shape (members, parameters).
    momentum : float
        Of sgd alone.
    """
    if name == "sgd":
        return StackedSGD(weights, momentum)
    return {"adam": StackedAdam, "rmsprop": StackedRMSprop}[name](weights)
