from pathlib import Path

import numpy as np
import pytest
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

from digitrec.evaluation.corruptions import corrupt
from digitrec.spec import Hardening, Normalization, Recipe
from digitrec.training.classifier import ImageClassifier
from digitrec.training.fit import fit
from digitrec.training.hardening import hardening_callbacks, hardening_modules
from digitrec.transforms.attacks import fgsm
from digitrec.transforms.pixels import to_pixels
from tests.tiny import (
    COLOUR,
    IMAGE,
    PLAIN,
    all_digits,
    same_weights,
    small_classifier,
    small_training,
    some_colours,
    some_digits,
)

IMAGES, LABELS = some_digits(300)
HARD = PLAIN.model_copy(
    update={"hardening": Hardening(filter=0.5, background=0.5, patch=0.2, noise=0.3, adversarial=0.1)}
)


def _hardened(recipe: Recipe, **settings: object) -> ImageClassifier:
    callbacks = [*hardening_callbacks(recipe), *settings.pop("callbacks", [])]
    return small_classifier(recipe=recipe, callbacks=callbacks, **settings)


def test_a_recipe_without_adversarial_steps_asks_for_nothing() -> None:
    for recipe in (PLAIN, Recipe(hardening=Hardening(noise=0.1))):
        assert hardening_callbacks(recipe) == []
        assert hardening_modules(recipe) == ()
    assert [name for name, _ in hardening_callbacks(HARD)] == ["harden"]
    assert [module.__name__.rpartition(".")[2] for module in hardening_modules(HARD)] == ["attacks", "hardening"]


def test_the_same_seed_gives_the_same_weights_and_hardening_gives_others() -> None:
    first, second = (_hardened(HARD).fit(IMAGES, LABELS) for _ in range(2))
    assert same_weights(first, second)
    assert not same_weights(first, small_classifier().fit(IMAGES, LABELS))


@pytest.mark.parametrize("kind", [kind for kind in Hardening.model_fields if kind != "share"])
def test_each_kind_changes_the_training(kind: str) -> None:
    recipe = PLAIN.model_copy(update={"hardening": Hardening(**{kind: 0.2})})
    assert not same_weights(_hardened(recipe).fit(IMAGES, LABELS), small_classifier().fit(IMAGES, LABELS))


def test_images_are_left_alone_where_the_network_is_scored() -> None:
    seen = []

    class _Score(Callback):
        def on_epoch_end(self, net: NeuralNet, **kwargs: object) -> None:
            seen.append([net.predict_proba(IMAGES[:20]) for _ in range(2)])

    classifier = _hardened(HARD, callbacks=[("score", _Score())]).fit(IMAGES, LABELS)
    assert len(seen) == 2
    assert all(np.array_equal(*pair) for pair in seen)
    # After the training nothing is left of it, also where the network is put into training mode again.
    assert not classifier.module_._forward_pre_hooks


class _Watch(Callback):
    """Note what reaches the network in training, after all changes, and what each epoch's changes are drawn from."""

    def __init__(self) -> None:
        self.inputs: list[torch.Tensor] = []
        self.seeds: list[int] = []

    def on_train_begin(self, net: NeuralNet, **kwargs: object) -> None:
        net.module_.register_forward_pre_hook(lambda module, inputs: self._note(module.training, inputs[0]))

    def _note(self, training: bool, images: torch.Tensor) -> None:
        if training:
            self.inputs.append(images)

    def on_epoch_end(self, net: NeuralNet, **kwargs: object) -> None:
        self.seeds += [callback.generator_.initial_seed() for name, callback in net.callbacks_ if name == "harden"]


def test_images_are_changed_as_pixels_before_they_are_normalized() -> None:
    inputs = []
    for amount in (0, 1e-6, 0.5):
        watch = _Watch()
        recipe = PLAIN.model_copy(update={"hardening": Hardening(noise=amount)})
        normalization = Normalization(mean=0.9, std=0.01)
        settings = {"max_epochs": 1, "normalization": normalization, "callbacks": [("watch", watch)]}
        _hardened(recipe, **settings).fit(IMAGES, LABELS)
        inputs.append(torch.cat(watch.inputs))
    assert len(inputs[0]) == 300
    assert torch.allclose(*inputs[:2], atol=1e-4)
    assert not torch.allclose(inputs[0], inputs[2], atol=0.1)
    assert all(0 <= pixels.min() < pixels.max() <= 1 for pixels in inputs)


def test_colour_images_are_hardened_too() -> None:
    images, labels = some_colours(60)
    first, second = (_hardened(HARD, image=COLOUR).fit(images, labels) for _ in range(2))
    assert same_weights(first, second)
    assert not same_weights(first, small_classifier(image=COLOUR).fit(images, labels))


def test_every_epoch_draws_its_own_changes() -> None:
    watch = _Watch()
    _hardened(HARD, callbacks=[("watch", watch)], max_epochs=3).fit(IMAGES, LABELS)
    assert len(set(watch.seeds)) == 3


def test_an_interrupted_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    class _Interrupt(Callback):
        def on_epoch_begin(self, net: NeuralNet, **kwargs: object) -> None:
            if len(net.history) == 3:
                raise KeyboardInterrupt

    given = (small_training(recipe=HARD, optimizer="rmsprop", max_epochs=4), IMAGE, IMAGES, LABELS, "cpu")
    whole, _ = fit(*given, tmp_path / "whole", verbose=0)
    with pytest.raises(KeyboardInterrupt):
        fit(*given, tmp_path / "cut", [("interrupt", _Interrupt())], verbose=0)
    resumed, _ = fit(*given, tmp_path / "cut", verbose=0)
    assert len(resumed.history) == 4
    assert same_weights(whole, resumed)


@pytest.mark.slow
def test_what_a_network_was_hardened_against_harms_it_less() -> None:
    data = all_digits()
    images, labels = data.test_images, data.test_labels.astype(np.int64)
    networks = [
        _hardened(recipe, max_epochs=12).fit(data.train_images, data.train_labels.astype(np.int64))
        for recipe in (PLAIN, HARD)
    ]
    plain, hard = (np.mean(network.predict(corrupt(images, "brightness", 0)) != labels) for network in networks)
    assert hard < plain / 2
    pixels, targets = to_pixels(images), torch.from_numpy(labels)
    right = []
    for network in (each.module_.eval() for each in networks):
        attacked = fgsm(network, pixels, targets, 0.1)
        right.append(float((network(attacked).argmax(1) == targets).float().mean()))
    assert right[1] > right[0] + 0.1
