import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from digitrec.errors import TrainingDiverged
from digitrec.spec import Recipe
from digitrec.training.schedule import OPTIMIZERS, check_loss, class_weights, learning_rate_ratio, one_cycle


def test_one_cycle_is_the_curve_of_pytorchs_schedule() -> None:
    # PyTorch has its peak and its end one step earlier: the curves are held against each other at the same place
    # between start, peak and end.
    total, peak = 200, 0.01
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=total, cycle_momentum=False)
    up = 0.3 * total - 1
    for step in range(total):
        place = 0.3 * step / up if step <= up else 0.3 + 0.7 * (step - up) / (total - 1 - up)
        assert peak * one_cycle(place) == pytest.approx(schedule.get_last_lr()[0], rel=1e-6, abs=1e-12)
        assert one_cycle(step / total) == pytest.approx(schedule.get_last_lr()[0] / peak, abs=4 / total)
        optimizer.step()
        if step < total - 1:
            schedule.step()


def test_one_cycle_starts_low_peaks_after_30_percent_and_ends_near_nothing() -> None:
    assert one_cycle(0) == pytest.approx(1 / 25)
    assert one_cycle(0.3) == pytest.approx(1)
    assert one_cycle(1) == pytest.approx(4e-6)


def test_a_recipe_says_which_schedule() -> None:
    for progress in (0.0, 0.2, 0.9):
        assert learning_rate_ratio(Recipe(schedule="one_cycle"), progress) == one_cycle(progress)
        assert learning_rate_ratio(Recipe(), progress) == 1


def test_balanced_classes_have_scikit_learns_weights() -> None:
    labels = np.repeat(np.arange(4), [1, 20, 50, 3])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    found = class_weights(torch.from_numpy(labels), 4, Recipe(class_weight="balanced"))
    assert found is not None
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_a_class_without_images_has_no_weight_and_by_default_no_class_has_one() -> None:
    labels = torch.tensor([0, 0, 0, 2])
    found = class_weights(labels, 3, Recipe(class_weight="balanced"))
    assert found is not None
    assert found.tolist() == pytest.approx([4 / 9, 0, 4 / 3])
    assert class_weights(labels, 3, Recipe()) is None


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_training_with_advice(loss: float) -> None:
    chosen = (3, 0.1, 32, "sgd")
    with pytest.raises(TrainingDiverged) as caught:
        check_loss(loss, 2, *chosen)
    text = f"the loss became {loss} in epoch 2 of 3 (lr=0.1, batch_size=32, optimizer=sgd). Nothing was written"
    assert text in str(caught.value)
    check_loss(1e30, 2, *chosen)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_step_as_torchs_of_the_same_name(name: str) -> None:
    optimizer, settings = OPTIMIZERS[name]
    results = []
    for kind in (optimizer, getattr(torch.optim, optimizer.__name__)):
        weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        stepped = kind([weight], lr=0.1, **settings)
        for _ in range(3):
            stepped.zero_grad()
            weight.square().sum().backward()
            stepped.step()
        results.append(weight.tolist())
    assert results[0] == results[1]


def test_an_optimizer_does_without_torchs_compiler() -> None:
    program = """
import sys, torch
from digitrec.training.schedule import OPTIMIZERS
for optimizer, settings in OPTIMIZERS.values():
    weight = torch.nn.Parameter(torch.ones(1))
    stepped = optimizer([weight], lr=0.1, **settings)
    stepped.zero_grad()
    weight.square().sum().backward()
    stepped.step()
    stepped.load_state_dict(stepped.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
