from collections.abc import Callable

import pytest
import torch

from digitrec.search.stacked.optimizers import stacked_optimizer
from digitrec.training.schedule import OPTIMIZERS

RATES = [0.1, 0.001, 0.03]
STEPS = 30


def _gradients(step: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(step)
    # From large to tiny, where eps counts.
    return torch.randn(len(RATES), 50, generator=generator) * 10.0 ** torch.arange(-25, 25).div(3)


def _by_torch(name: str, momentum: float, rate_at: Callable[[int, float], float]) -> torch.Tensor:
    rows = []
    for row, rate in enumerate(RATES):
        weights = torch.linspace(-1, 1, 50).requires_grad_()
        optimizer_class, settings = OPTIMIZERS[name]
        if name == "sgd":
            settings = settings | {"momentum": momentum}
        optimizer = optimizer_class([weights], lr=rate, **settings)
        for step in range(STEPS):
            optimizer.param_groups[0]["lr"] = rate_at(step, rate)
            weights.grad = _gradients(step)[row]
            optimizer.step()
        rows.append(weights.detach())
    return torch.stack(rows)


def _stacked(name: str, momentum: float, rate_at: Callable[[int, float], float]) -> torch.Tensor:
    weights = torch.linspace(-1, 1, 50).repeat(len(RATES), 1)
    optimizer = stacked_optimizer(name, weights, momentum)
    for step in range(STEPS):
        rates = torch.tensor([rate_at(step, rate) for rate in RATES], dtype=torch.float64)
        optimizer.step(weights, _gradients(step), rates)
    return weights


@pytest.mark.parametrize(("name", "momentum"), [("adam", 0.0), ("rmsprop", 0.0), ("sgd", 0.0), ("sgd", 0.9)])
@pytest.mark.parametrize("schedule", [lambda step, rate: rate, lambda step, rate: rate / (1 + step)])
def test_each_member_moves_as_by_torchs_own_optimizer_at_its_rate(
    name: str, momentum: float, schedule: Callable[[int, float], float]
) -> None:
    torch.testing.assert_close(
        _stacked(name, momentum, schedule), _by_torch(name, momentum, schedule), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_members_that_leave_do_not_change_the_others(name: str) -> None:
    def run(leave: bool) -> torch.Tensor:
        weights = torch.zeros(3, 50)
        optimizer = stacked_optimizer(name, weights, 0.9)
        rates, rows = torch.tensor(RATES, dtype=torch.float64), [0, 1, 2]
        for step in range(STEPS):
            if leave and step == 10:
                rows = [0, 2]
                weights, rates = weights[rows], rates[rows]
                optimizer.keep(rows)
            optimizer.step(weights, _gradients(step)[rows], rates)
        return weights

    assert torch.equal(run(leave=True), run(leave=False)[[0, 2]])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_member_that_became_nan_does_not_disturb_the_others(name: str) -> None:
    weights = torch.zeros(3, 50)
    optimizer = stacked_optimizer(name, weights, 0.9)
    gradients = _gradients(0)
    gradients[1] = torch.nan
    optimizer.step(weights, gradients, torch.tensor(RATES, dtype=torch.float64))
    assert weights[[0, 2]].isfinite().all()
