import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from digitrec.transforms.attacks import fgsm, pgd
from digitrec.transforms.pixels import to_pixels
from tests.tiny import small_classifier, some_digits

IMAGES, LABELS = some_digits(300)
PIXELS = to_pixels(IMAGES)
TARGETS = torch.from_numpy(LABELS)


def _trained() -> nn.Module:
    return small_classifier(max_epochs=8).fit(IMAGES, LABELS).module_.eval()


NETWORK = _trained()


def _accuracy(pixels: Tensor) -> float:
    return float((NETWORK(pixels).argmax(1) == TARGETS).float().mean())


def _pgd(eps: float, seed: int = 0, **settings: float) -> Tensor:
    return pgd(NETWORK, PIXELS, TARGETS, eps, torch.Generator().manual_seed(seed), **settings)


def test_fgsm_of_a_linear_network_goes_along_the_signs_of_its_weights() -> None:
    weights = torch.linspace(-1, 1, 784)
    grey = torch.full((2, 1, 28, 28), 0.5)

    def linear(pixels: Tensor) -> Tensor:
        score = (pixels.flatten(1) * weights).sum(1)
        return torch.stack([score, -score], 1)

    changed = fgsm(linear, grey, torch.tensor([0, 1]), 0.2)
    # Away from what speaks for the label, which is the opposite for the other label.
    assert changed[0].flatten() == pytest.approx(0.5 - 0.2 * weights.sign(), abs=1e-6)
    assert changed[1].flatten() == pytest.approx(0.5 + 0.2 * weights.sign(), abs=1e-6)


@pytest.mark.parametrize("eps", [0.1, 0.3])
def test_attacks_stay_within_eps_and_within_the_range_of_pixels(eps: float) -> None:
    for changed in (fgsm(NETWORK, PIXELS, TARGETS, eps), _pgd(eps)):
        assert changed.dtype == torch.float32
        assert not changed.requires_grad
        assert float((changed - PIXELS).abs().max()) == pytest.approx(eps, abs=1e-6)
        assert float(changed.min()) >= 0
        assert float(changed.max()) <= 1


def test_the_gradient_goes_through_the_normalization() -> None:
    # Along the gradient of the loss of pixels, the loss rises as fast as it says.
    pixels = PIXELS[:50].clone().requires_grad_()
    loss = functional.cross_entropy(NETWORK(pixels), TARGETS[:50], reduction="sum")
    (gradient,) = torch.autograd.grad(loss, pixels)
    eps = 1e-3
    changed = fgsm(NETWORK, PIXELS[:50], TARGETS[:50], eps)
    after = functional.cross_entropy(NETWORK(changed), TARGETS[:50], reduction="sum")
    # Half of the steps leave the range of pixels and are cut off.
    expected = float((gradient * (changed - PIXELS[:50])).sum())
    assert float((after - loss).detach()) == pytest.approx(expected, rel=0.05)


def test_colour_images_of_any_size_are_attacked_too() -> None:
    pixels = torch.rand(4, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 9 * 11, 5))
    labels = torch.arange(4)
    generator = torch.Generator().manual_seed(0)
    for changed in (fgsm(linear, pixels, labels, 0.1), pgd(linear, pixels, labels, 0.1, generator, steps=20)):
        assert changed.shape == pixels.shape
        assert float((changed - pixels).abs().max()) == pytest.approx(0.1, abs=1e-6)
        assert functional.cross_entropy(linear(changed), labels) > functional.cross_entropy(linear(pixels), labels)


def test_many_small_steps_do_more_harm_than_one_and_more_eps_than_less() -> None:
    clean, one, many = _accuracy(PIXELS), _accuracy(fgsm(NETWORK, PIXELS, TARGETS, 0.1)), _accuracy(_pgd(0.1))
    assert clean > 0.9
    assert many <= one < clean - 0.2
    assert _accuracy(_pgd(0.3)) <= many
    assert _accuracy(_pgd(0.1, steps=0)) > 0.8


def test_pgd_starts_at_a_random_place_that_its_generator_draws() -> None:
    assert torch.equal(_pgd(0.1, steps=1), _pgd(0.1, steps=1))
    assert not torch.equal(_pgd(0.1, steps=1), _pgd(0.1, seed=1, steps=1))


def test_each_image_may_have_an_eps_of_its_own() -> None:
    eps = torch.tensor([0.0, 0.2]).repeat(150).view(-1, 1, 1, 1)
    changed = pgd(NETWORK, PIXELS, TARGETS, eps, torch.Generator().manual_seed(0), steps=1, step=1.25 * eps)
    assert torch.equal(changed[::2], PIXELS[::2])
    assert (changed[1::2] - PIXELS[1::2]).abs().amax((1, 2, 3)) == pytest.approx(np.full(150, 0.2), abs=1e-6)


def test_attacks_leave_the_gradients_of_the_weights_alone() -> None:
    before = [weight.grad.clone() for weight in NETWORK.parameters()]
    _pgd(0.1, steps=2)
    after = [weight.grad for weight in NETWORK.parameters()]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
