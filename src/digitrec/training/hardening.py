"""Training on adversarial images: a callback, so that the training loop need not know of it."""

import sys
from types import ModuleType
from typing import Any

import torch
from skorch.callbacks import Callback
from torch import Tensor, nn

from digitrec.pipeline.seeding import derive_seed
from digitrec.spec import Recipe
from digitrec.training.classifier import ImageClassifier
from digitrec.transforms import attacks
from digitrec.transforms.attacks import pgd
from digitrec.transforms.distortions import draw_amounts


class Harden(Callback):
    """Attack the network by the images on their way into it while it is trained; while it is scored, do nothing."""

    def on_train_begin(self, net: ImageClassifier, **kwargs: Any) -> None:
        """Put itself in front of the network."""
        self.generator_ = torch.Generator()
        self.hardening_ = net.recipe.hardening
        self.hook_ = net.module_.register_forward_pre_hook(self._attack)

    def on_epoch_begin(self, net: ImageClassifier, **kwargs: Any) -> None:
        """Draw by epoch, as all that is drawn: a training that was interrupted goes on as if it had not been."""
        self.generator_.manual_seed(derive_seed(net.seed, "hardening", len(net.history)))

    def on_train_end(self, net: ImageClassifier, **kwargs: Any) -> None:
        """Leave the network."""
        self.hook_.remove()

    def _attack(self, network: nn.Module, inputs: tuple[Tensor]) -> Tensor | None:
        """Take one step against the network from a random place (Wong et al., arXiv 2001.03994), for some of them."""
        if not network.training:
            return None
        pixels = inputs[0]
        eps = draw_amounts(self.hardening_.adversarial, self.hardening_.share, pixels, self.generator_)
        # As it is when it is used; and this hook then leaves the network alone.
        network.eval()
        with torch.no_grad():
            # Its own answers serve as labels: the right ones would leak into the images (Kurakin et al., 1611.01236).
            answers = network(pixels).argmax(1)
        attacked = pgd(network, pixels, answers, eps, self.generator_, steps=1, step=1.25 * eps)
        network.train()
        return attacked


def hardening_callbacks(recipe: Recipe) -> list[tuple[str, Callback]]:
    """Make the callbacks that a recipe asks for."""
    return [("harden", Harden())] if recipe.hardening.adversarial else []


def hardening_modules(recipe: Recipe) -> tuple[ModuleType, ...]:
    """Name the modules whose source a training by this recipe depends on, beyond those of every training."""
    return (attacks, sys.modules[__name__]) if recipe.hardening.adversarial else ()
