import math

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import recall_score
from skorch import NeuralNet
from skorch.callbacks import Callback

from digitrec.data.split import validation_split
from digitrec.errors import TrainingDiverged
from digitrec.spec import Recipe
from digitrec.training.classifier import ImageClassifier, ImageRows
from digitrec.training.schedule import one_cycle
from digitrec.transforms.pixels import to_pixels
from tests.tiny import (
    COLOUR,
    MODERN,
    PAPER,
    PLAIN,
    all_digits,
    same_weights,
    small_classifier,
    some_colours,
    some_digits,
    weights_of,
)

IMAGES, LABELS = some_digits(300)


class _InterruptAfter(Callback):
    def __init__(self, epoch: int):
        self.epoch = epoch

    def on_epoch_end(self, net: NeuralNet, **kwargs: object) -> None:
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


class SGD(torch.optim.SGD):
    """SGD that remembers the learning rate of each step."""

    def __init__(self, *args: object, **kwargs: object):
        super().__init__(*args, **kwargs)
        self.rates: list[float] = []

    def step(self, closure: object = None) -> None:
        self.rates.append(self.param_groups[0]["lr"])
        super().step(closure)


class _RecordingLoss(torch.nn.CrossEntropyLoss):
    """A loss that remembers the labels it was given."""

    def __init__(self, weight: torch.Tensor | None = None) -> None:
        super().__init__(weight)
        self.seen: list[int] = []

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.seen += labels.tolist()
        return super().forward(logits, labels)


def _with_validation(model: str = "mlp", **settings: object) -> tuple[ImageClassifier, np.ndarray]:
    """A fitted classifier, and the rows of a fifth of the images that were held out."""
    train, valid = validation_split(LABELS, 0.2, 0)
    classifier = small_classifier(model, images=IMAGES, valid=ImageRows(IMAGES, LABELS, valid), **settings)
    return classifier.fit(train, LABELS[train]), valid


def test_a_small_network_learns_the_digits() -> None:
    data = all_digits()
    classifier = small_classifier(max_epochs=5, recipe=MODERN).fit(
        data.train_images, data.train_labels.astype(np.int64)
    )
    assert classifier.score(data.test_images, data.test_labels) > 0.85
    losses = [row["train_loss"] for row in classifier.history]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize("model", ["mnistnet", "mlp"])
def test_every_optimizer_lowers_the_loss(model: str, optimizer: str) -> None:
    lr = 0.1 if optimizer == "sgd" else 0.003
    classifier = small_classifier(model, optimizer=optimizer, lr=lr, max_epochs=3).fit(IMAGES, LABELS)
    assert classifier.history[-1]["train_loss"] < classifier.history[0]["train_loss"]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    first, second, third = (
        small_classifier("mnistnet", recipe=MODERN, seed=seed).fit(IMAGES, LABELS) for seed in (3, 3, 4)
    )
    assert same_weights(first, second)
    assert not same_weights(first, third)


def test_a_fit_does_not_depend_on_what_was_drawn_before_it() -> None:
    first = small_classifier("mnistnet", recipe=MODERN).fit(IMAGES, LABELS)
    torch.manual_seed(99)
    torch.rand(7)
    np.random.seed(99)
    assert same_weights(first, small_classifier("mnistnet", recipe=MODERN).fit(IMAGES, LABELS))


def test_fitting_again_starts_anew() -> None:
    classifier = small_classifier().fit(IMAGES, LABELS)
    before = weights_of(classifier)
    classifier.fit(IMAGES, LABELS)
    assert len(classifier.history) == 2
    assert all(torch.equal(value, before[key]) for key, value in weights_of(classifier).items())


def test_partial_fit_starts_what_was_not_started_and_goes_on_with_what_was() -> None:
    whole = small_classifier(max_epochs=2).fit(IMAGES, LABELS)
    classifier = small_classifier(max_epochs=1)
    for _ in range(2):
        classifier.partial_fit(IMAGES, LABELS)
    assert len(classifier.history) == 2
    assert same_weights(classifier, whole)


@pytest.mark.parametrize("recipe", [MODERN, PLAIN], ids=["one_cycle", "constant"])
def test_every_step_has_the_schedules_learning_rate(recipe: Recipe) -> None:
    classifier = small_classifier(recipe=recipe, lr=0.02, max_epochs=3, batch_size=32)
    classifier.set_params(optimizer=SGD)
    classifier.fit(IMAGES, LABELS)
    n = 3 * math.ceil(300 / 32)
    expected = [0.02 * (one_cycle(k / n) if recipe is MODERN else 1) for k in range(n)]
    assert classifier.optimizer_.rates == pytest.approx(expected)


def test_an_interruption_is_raised_not_taken_for_the_end() -> None:
    with pytest.raises(KeyboardInterrupt):
        small_classifier(callbacks=[("interrupt", _InterruptAfter(1))]).fit(IMAGES, LABELS)


def test_a_loss_that_becomes_infinite_or_nan_ends_the_training_with_advice() -> None:
    with pytest.raises(TrainingDiverged) as caught:
        small_classifier(lr=1e30, max_epochs=3).fit(IMAGES, LABELS)
    text = str(caught.value)
    assert "the loss became" in text
    assert "in epoch 1 of 3 (lr=1e+30, batch_size=32, optimizer=adam)" in text
    assert "try a smaller lr" in text


def test_row_numbers_into_images_give_the_same_as_the_images() -> None:
    rows = np.random.default_rng(0).permutation(300)[:200]
    by_rows = small_classifier(recipe=MODERN, images=IMAGES).fit(rows, LABELS[rows])
    by_images = small_classifier(recipe=MODERN).fit(IMAGES[rows], LABELS[rows])
    assert same_weights(by_rows, by_images)
    np.testing.assert_array_equal(by_rows.predict_proba(rows), by_images.predict_proba(IMAGES[rows]))
    assert by_rows.score(rows, LABELS[rows]) == by_images.score(IMAGES[rows], LABELS[rows])


def test_predictions_do_not_depend_on_the_batch_size_or_on_the_order() -> None:
    classifier = small_classifier("mnistnet").fit(IMAGES, LABELS)
    together = classifier.predict_proba(IMAGES)
    np.testing.assert_allclose(classifier.predict_proba(IMAGES[::-1])[::-1], together, atol=1e-6)
    np.testing.assert_allclose(classifier.predict_proba(IMAGES[:7]), together[:7], atol=1e-6)


@pytest.mark.parametrize("recipe", [PAPER, MODERN], ids=["paper", "modern"])
def test_probabilities_are_the_softmax_of_the_logits(recipe: Recipe) -> None:
    classifier = small_classifier("mnistnet", recipe=recipe).fit(IMAGES, LABELS)
    probabilities = classifier.predict_proba(IMAGES)
    assert probabilities.shape == (300, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    with torch.no_grad():
        logits = classifier.module_.eval()(to_pixels(IMAGES))
    np.testing.assert_allclose(probabilities, torch.softmax(logits, 1).numpy(), atol=1e-5)
    np.testing.assert_array_equal(classifier.predict(IMAGES), probabilities.argmax(1))


def test_the_papers_loss_has_the_floor_of_a_double_softmax() -> None:
    floor = math.log(math.e + 9) - 1
    classifier, _ = _with_validation(recipe=PAPER, max_epochs=3)
    assert all(min(row["train_loss"], row["valid_loss"]) > floor for row in classifier.history)
    perfect = 1000 * torch.eye(10)
    assert classifier.get_loss(perfect, torch.arange(10)).item() == pytest.approx(floor, abs=1e-5)
    ours = small_classifier(recipe=PLAIN).initialize()
    assert ours.get_loss(perfect, torch.arange(10)).item() == pytest.approx(0, abs=1e-5)


def test_every_epoch_has_an_order_of_its_own() -> None:
    classifier = small_classifier(max_epochs=3).set_params(criterion=_RecordingLoss)
    classifier.fit(IMAGES, LABELS)
    orders = np.array(classifier.criterion_.seen).reshape(3, 300)
    assert all((np.sort(order) == np.sort(LABELS)).all() for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_the_history_holds_the_mean_loss_and_the_accuracy_of_both_parts() -> None:
    # This network has dropout, which must not work while it is scored.
    classifier, valid = _with_validation("mnistnet", max_epochs=2)
    probabilities = classifier.predict_proba(valid)
    labels = LABELS[valid]
    row = classifier.history[-1]
    assert row["valid_accuracy"] == pytest.approx(float((probabilities.argmax(1) == labels).mean()))
    expected = -np.log(probabilities[np.arange(len(labels)), labels]).mean()
    assert row["valid_loss"] == pytest.approx(float(expected), rel=1e-4)
    assert 0 < row["train_accuracy"] <= 1
    loss, accuracy = classifier.score_images(IMAGES[valid], labels)
    assert loss == pytest.approx(row["valid_loss"], rel=1e-5)
    assert accuracy == row["valid_accuracy"]


def test_without_validation_all_images_train_and_nothing_is_scored() -> None:
    classifier = small_classifier(max_epochs=1).set_params(criterion=_RecordingLoss).fit(IMAGES, LABELS)
    assert "valid_loss" not in classifier.history[-1]
    assert sorted(classifier.criterion_.seen) == sorted(LABELS)


def test_images_that_are_held_out_are_scored_and_never_trained_on() -> None:
    classifier, valid = _with_validation(max_epochs=1)
    other = IMAGES.copy()
    other[valid] = 255 - other[valid]
    changed = small_classifier(images=other, valid=ImageRows(other, LABELS, valid), max_epochs=1)
    train = np.setdiff1d(np.arange(300), valid)
    changed.fit(train, LABELS[train])
    assert same_weights(classifier, changed)
    assert classifier.history[-1]["valid_loss"] != changed.history[-1]["valid_loss"]


def test_the_epoch_table_is_printed(capsys: pytest.CaptureFixture) -> None:
    train, valid = validation_split(LABELS, 0.2, 0)
    classifier = small_classifier(images=IMAGES, valid=ImageRows(IMAGES, LABELS, valid), max_epochs=2)
    classifier.set_params(verbose=1).fit(train, LABELS[train])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["epoch", "train_accuracy", "train_loss", "valid_accuracy", "valid_loss", "dur"]
    assert [line.split()[0] for line in lines[2:4]] == ["1", "2"]


def test_scikit_learn_can_copy_and_change_it() -> None:
    classifier = small_classifier(recipe=MODERN, seed=5)
    copy = clone(classifier)
    assert copy.get_params().keys() == classifier.get_params().keys()
    assert copy.recipe == MODERN
    assert same_weights(copy.fit(IMAGES, LABELS), classifier.fit(IMAGES, LABELS))
    changed = clone(classifier).set_params(lr=0.01, max_epochs=1, module__architecture={"hidden_1": 8, "hidden_2": 4})
    changed.fit(IMAGES, LABELS)
    assert len(changed.history) == 1
    assert changed.module_.layers[1].out_features == 8
    assert changed.lr == 0.01
    assert not hasattr(clone(classifier), "module_")


def test_images_and_labels_that_are_not_alike_in_number_are_refused() -> None:
    with pytest.raises((ValueError, IndexError)):
        small_classifier().fit(IMAGES, LABELS[:-1])


def test_images_in_the_arrays_are_not_changed_by_training() -> None:
    images = IMAGES.copy()
    small_classifier(recipe=MODERN).fit(images, LABELS)
    np.testing.assert_array_equal(images, IMAGES)


def test_colour_images_of_any_size_and_classes_are_learned() -> None:
    images, labels = some_colours(150)
    classifier = small_classifier(image=COLOUR, max_epochs=4).fit(images[:100], labels[:100])
    assert classifier.predict_proba(images[100:]).shape == (50, 3)
    assert classifier.score(images[100:], labels[100:]) > 0.9


def test_with_balanced_classes_each_image_counts_by_the_inverse_of_its_classs_share() -> None:
    labels = np.repeat(np.arange(10), 30)
    labels[:45] = 9
    settings = {"train_labels": labels, "recipe": PLAIN.model_copy(update={"class_weight": "balanced"})}
    classifier = small_classifier(**settings).initialize()
    logits, targets = torch.randn(300, 10), torch.from_numpy(labels)
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    # Classes as a whole count alike; class 0 has no images.
    expected = torch.stack([each[targets == label].mean() for label in range(1, 10)]).mean()
    assert classifier.get_loss(logits, targets).item() == pytest.approx(expected.item(), rel=1e-5)
    plain = small_classifier(**settings | {"recipe": PLAIN}).initialize()
    assert plain.get_loss(logits, targets).item() == pytest.approx(each.mean().item(), rel=1e-5)


def test_with_balanced_classes_a_rare_class_is_found_more_often() -> None:
    data = all_digits()
    often, rare = (np.flatnonzero(data.train_labels == label) for label in (3, 8))
    rows = np.sort(np.concatenate([often, rare[:5]]))
    images, labels = data.train_images[rows], data.train_labels[rows].astype(np.int64)
    test = np.isin(data.test_labels, (3, 8))
    recalls = []
    for class_weight in ("none", "balanced"):
        recipe = PLAIN.model_copy(update={"class_weight": class_weight})
        settings = {"images": images, "train_labels": labels, "recipe": recipe, "max_epochs": 4}
        classifier = small_classifier(**settings).fit(np.arange(len(rows)), labels)
        found = classifier.module_.eval()(to_pixels(data.test_images[test])).argmax(1).numpy()
        recalls.append(recall_score(data.test_labels[test], found, labels=[8], average=None)[0])
    assert recalls[1] > recalls[0] + 0.3


@pytest.mark.parametrize(("precision", "expected"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_the_network_multiplies_in_the_recipes_precision_while_it_is_trained(
    precision: str, expected: torch.dtype
) -> None:
    recipe = PLAIN.model_copy(update={"precision": precision})
    classifier, seen = small_classifier(recipe=recipe, max_epochs=1).initialize(), set()
    last = list(classifier.module_.modules())[-1]
    hook = last.register_forward_hook(lambda layer, inputs, output: seen.add((layer.training, output.dtype)))
    classifier.partial_fit(IMAGES, LABELS)
    classifier.predict(IMAGES)
    hook.remove()
    assert seen == {(True, expected), (False, torch.float32)}
    assert {weight.dtype for weight in classifier.module_.parameters()} == {torch.float32}
