"""Training on distorted and adversarial images: a callback, so that the training loop need not know of it."""

import sys
from types import ModuleType
from typing import Any

import torch
from skorch.callbacks import Callback
from torch import Tensor, nn

from digitrec import attacks, distortions
from digitrec.attacks import pgd
from digitrec.distortions import distort, draw_amounts
from digitrec.params import Recipe
from digitrec.seeding import derive_seed
from digitrec.training import DigitClassifier


class Harden(Callback):
    """Change the images on their way into a network that is being trained; while it is scored, do nothing."""

    def on_train_begin(self, net: DigitClassifier, **kwargs: Any) -> None:
        self.generator_ = torch.Generator()
        self.net_ = net
        self.hook_ = net.module_.register_forward_pre_hook(self._change)

    def on_epoch_begin(self, net: DigitClassifier, **kwargs: Any) -> None:
        # By epoch, as all that is drawn: a training that was interrupted goes on as if it had not been.
        self.generator_.manual_seed(derive_seed(net.seed, "hardening", len(net.history)))

    def on_train_end(self, net: DigitClassifier, **kwargs: Any) -> None:
        self.hook_.remove()

    def _change(self, module: nn.Module, inputs: tuple[Tensor]) -> Tensor | None:
        if not module.training:
            return None
        hardening, normalization = self.net_.recipe.hardening, self.net_.normalization
        pixels = inputs[0] * normalization.std + normalization.mean
        pixels = distort(pixels, hardening, self.generator_)
        if hardening.adversarial:
            pixels = self._attack(module, pixels)
        return (pixels - normalization.mean) / normalization.std

    def _attack(self, module: nn.Module, pixels: Tensor) -> Tensor:
        """Take one step against the network from a random place (Wong et al., arXiv 2001.03994), for half of them."""
        mean, std = self.net_.normalization.mean, self.net_.normalization.std

        def logits_of(pixels: Tensor) -> Tensor:
            return module((pixels - mean) / std)

        eps = draw_amounts(self.net_.recipe.hardening.adversarial, pixels, self.generator_)
        # As it is when it is used; and this hook then leaves the network alone.
        module.eval()
        with torch.no_grad():
            # Its own answers serve as labels: the right ones would leak into the images (Kurakin et al., 1611.01236).
            answers = logits_of(pixels).argmax(1)
        attacked = pgd(logits_of, pixels, answers, eps, self.generator_, steps=1, step=1.25 * eps)
        module.train()
        return attacked


def hardening_callbacks(recipe: Recipe) -> list[tuple[str, Callback]]:
    """Make the callbacks that a recipe asks for."""
    return [("harden", Harden())] if recipe.hardening else []


def hardening_modules(recipe: Recipe) -> tuple[ModuleType, ...]:
    """Name the modules whose source a training by this recipe depends on, beyond those of every training."""
    return (attacks, distortions, sys.modules[__name__]) if recipe.hardening else ()
