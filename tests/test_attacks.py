import numpy as np
import pytest
import torch
from torch.nn import functional

from digitrec.attacks import fgsm, pgd
from digitrec.robustness import network_logits
from tests.tiny import small_classifier, some_digits

IMAGES, LABELS = some_digits(300)
PIXELS = torch.from_numpy(IMAGES / np.float32(255)).unsqueeze(1)
TARGETS = torch.from_numpy(LABELS)
CLASSIFIER = small_classifier(max_epochs=8).fit(IMAGES, LABELS)


def logits_of(pixels: torch.Tensor) -> torch.Tensor:
    return network_logits(CLASSIFIER, pixels)


def _accuracy(pixels: torch.Tensor) -> float:
    return float((logits_of(pixels).argmax(1) == TARGETS).float().mean())


def _pgd(eps: float, seed: int = 0, **settings: float) -> torch.Tensor:
    return pgd(logits_of, PIXELS, TARGETS, eps, torch.Generator().manual_seed(seed), **settings)


def test_fgsm_of_a_linear_network_goes_along_the_signs_of_its_weights() -> None:
    weights = torch.linspace(-1, 1, 784)
    grey = torch.full((2, 1, 28, 28), 0.5)

    def linear(pixels: torch.Tensor) -> torch.Tensor:
        score = (pixels.flatten(1) * weights).sum(1)
        return torch.stack([score, -score], 1)

    changed = fgsm(linear, grey, torch.tensor([0, 1]), 0.2)
    # Away from what speaks for the label, which is the opposite for the other label.
    assert changed[0].flatten() == pytest.approx(0.5 - 0.2 * weights.sign(), abs=1e-6)
    assert changed[1].flatten() == pytest.approx(0.5 + 0.2 * weights.sign(), abs=1e-6)


@pytest.mark.parametrize("eps", [0.1, 0.3])
def test_attacks_stay_within_eps_and_within_the_range_of_pixels(eps: float) -> None:
    for changed in (fgsm(logits_of, PIXELS, TARGETS, eps), _pgd(eps)):
        assert changed.dtype == torch.float32
        assert not changed.requires_grad
        assert float((changed - PIXELS).abs().max()) == pytest.approx(eps, abs=1e-6)
        assert float(changed.min()) >= 0
        assert float(changed.max()) <= 1


def test_the_gradient_goes_through_the_normalization() -> None:
    # Along the gradient of the loss of pixels, the loss rises as fast as it says.
    pixels = PIXELS[:50].clone().requires_grad_()
    loss = functional.cross_entropy(logits_of(pixels), TARGETS[:50], reduction="sum")
    (gradient,) = torch.autograd.grad(loss, pixels)
    eps = 1e-3
    changed = fgsm(logits_of, PIXELS[:50], TARGETS[:50], eps)
    after = functional.cross_entropy(logits_of(changed), TARGETS[:50], reduction="sum")
    # Half of the steps leave the range of pixels and are cut off.
    expected = float((gradient * (changed - PIXELS[:50])).sum())
    assert float((after - loss).detach()) == pytest.approx(expected, rel=0.05)


def test_many_small_steps_do_more_harm_than_one_and_more_eps_than_less() -> None:
    clean, one, many = _accuracy(PIXELS), _accuracy(fgsm(logits_of, PIXELS, TARGETS, 0.1)), _accuracy(_pgd(0.1))
    assert clean > 0.9
    assert many <= one < clean - 0.2
    assert _accuracy(_pgd(0.3)) <= many
    assert _accuracy(_pgd(0.1, steps=0)) > 0.8


def test_pgd_starts_at_a_random_place_that_its_generator_draws() -> None:
    assert torch.equal(_pgd(0.1, steps=1), _pgd(0.1, steps=1))
    assert not torch.equal(_pgd(0.1, steps=1), _pgd(0.1, seed=1, steps=1))


def test_each_image_may_have_an_eps_of_its_own() -> None:
    eps = torch.tensor([0.0, 0.2]).repeat(150).view(-1, 1, 1, 1)
    changed = pgd(logits_of, PIXELS, TARGETS, eps, torch.Generator().manual_seed(0), steps=1, step=1.25 * eps)
    assert torch.equal(changed[::2], PIXELS[::2])
    assert (changed[1::2] - PIXELS[1::2]).abs().amax((1, 2, 3)) == pytest.approx(np.full(150, 0.2), abs=1e-6)


def test_attacks_leave_the_gradients_of_the_weights_alone() -> None:
    before = [weight.grad.clone() for weight in CLASSIFIER.module_.parameters()]
    _pgd(0.1, steps=2)
    after = [weight.grad for weight in CLASSIFIER.module_.parameters()]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
