import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

from digitrec.errors import DigitrecError, ParamsError, TrainingDiverged
from digitrec.fitting import _save_state as save_state
from digitrec.training import ResumeFrom, build_module, device_from_environment, one_cycle
from tests.tiny import (
    MODERN,
    NORMALIZATION,
    PAPER,
    PLAIN,
    all_digits,
    same_weights,
    small_classifier,
    some_digits,
    weights_of,
)

IMAGES, LABELS = some_digits(300)


class _InterruptAfter(Callback):
    def __init__(self, epoch: int):
        self.epoch = epoch

    def on_epoch_end(self, net: object, **kwargs: object) -> None:
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


class _RecordingSGD(torch.optim.SGD):
    """SGD that remembers the learning rate of each step."""

    def __init__(self, *args: object, **kwargs: object):
        super().__init__(*args, **kwargs)
        self.rates: list[float] = []

    def step(self, closure: object = None) -> None:
        self.rates.append(self.param_groups[0]["lr"])
        super().step(closure)


class _RecordingLoss(torch.nn.CrossEntropyLoss):
    """A loss that remembers the labels it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.seen += labels.tolist()
        return super().forward(logits, labels)


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


@pytest.mark.parametrize("recipe", [MODERN, PLAIN], ids=["one_cycle", "constant"])
def test_every_step_has_the_schedules_learning_rate(recipe: object) -> None:
    classifier = small_classifier(recipe=recipe, lr=0.02, max_epochs=3, batch_size=32, validate=False)
    classifier.set_params(optimizer=_RecordingSGD)
    classifier.fit(IMAGES, LABELS)
    n = 3 * math.ceil(300 / 32)
    expected = [0.02 * (one_cycle(k / n) if recipe is MODERN else 1) for k in range(n)]
    assert classifier.optimizer_.rates == pytest.approx(expected)


@pytest.mark.parametrize("interrupted_after", [1, 2])
@pytest.mark.parametrize("model", ["mnistnet", "mlp"])
def test_interrupted_fit_resumes_to_the_same_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture, model: str, interrupted_after: int
) -> None:
    settings = {"recipe": MODERN, "max_epochs": 3, "batch_size": 64}
    whole = small_classifier(model, **settings).fit(IMAGES, LABELS)
    resume = ("resume", ResumeFrom(tmp_path / "state.pt", save_state))
    stopped = small_classifier(model, **settings, callbacks=[resume, ("interrupt", _InterruptAfter(interrupted_after))])
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(IMAGES, LABELS)
    assert not same_weights(stopped, whole)
    resumed = small_classifier(model, **settings, callbacks=[resume]).fit(IMAGES, LABELS)
    assert f"going on after epoch {interrupted_after} of 3" in capsys.readouterr().out
    assert resumed.epochs_restored_ == interrupted_after
    assert same_weights(resumed, whole)
    assert [row["epoch"] for row in resumed.history] == [1, 2, 3]
    for key in ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy"):
        assert [row[key] for row in resumed.history] == [row[key] for row in whole.history]


def test_a_finished_fit_is_not_done_again(tmp_path: Path) -> None:
    resume = ("resume", ResumeFrom(tmp_path / "state.pt", save_state))
    first = small_classifier(callbacks=[resume]).fit(IMAGES, LABELS)
    again = small_classifier(callbacks=[resume]).fit(IMAGES, LABELS)
    assert again.epochs_restored_ == 2
    assert same_weights(first, again)


def test_an_interruption_is_raised_not_taken_for_the_end() -> None:
    with pytest.raises(KeyboardInterrupt):
        small_classifier(callbacks=[("interrupt", _InterruptAfter(1))]).fit(IMAGES, LABELS)


@pytest.mark.parametrize("damage", [b"", b"not a state", None])
def test_a_damaged_state_is_ignored_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture, damage: bytes | None
) -> None:
    path = tmp_path / "state.pt"
    resume = ("resume", ResumeFrom(path, save_state))
    first = small_classifier(callbacks=[resume]).fit(IMAGES, LABELS)
    path.write_bytes(path.read_bytes()[:-200] if damage is None else damage)
    again = small_classifier(callbacks=[resume]).fit(IMAGES, LABELS)
    assert f"warning: ignoring {path}, which is damaged" in capsys.readouterr().out
    assert again.epochs_restored_ == 0
    assert same_weights(first, again)


def test_a_state_is_not_unpickled_into_anything(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    torch.save({"module": Path("anything")}, tmp_path / "state.pt")
    small_classifier(max_epochs=1, callbacks=[("resume", ResumeFrom(tmp_path / "state.pt", save_state))]).fit(
        IMAGES, LABELS
    )
    assert "which is damaged" in capsys.readouterr().out


def test_a_loss_that_becomes_infinite_or_nan_ends_the_training_with_advice() -> None:
    with pytest.raises(TrainingDiverged) as caught:
        small_classifier(lr=1e30, max_epochs=3).fit(IMAGES, LABELS)
    text = str(caught.value)
    assert "the loss became" in text
    assert "in epoch 1 of 3 (lr=1e+30, batch_size=32, optimizer=adam)" in text
    assert "try a smaller lr" in text


def test_row_numbers_into_images_give_the_same_as_the_images(tmp_path: Path) -> None:
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
def test_probabilities_are_the_softmax_of_the_logits(recipe: object) -> None:
    classifier = small_classifier("mnistnet", recipe=recipe).fit(IMAGES, LABELS)
    probabilities = classifier.predict_proba(IMAGES)
    assert probabilities.shape == (300, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    with torch.no_grad():
        logits = classifier.module_.eval()(NORMALIZATION(torch.from_numpy(IMAGES)))
    np.testing.assert_allclose(probabilities, torch.softmax(logits, 1).numpy(), atol=1e-5)
    np.testing.assert_array_equal(classifier.predict(IMAGES), probabilities.argmax(1))


def test_the_papers_loss_has_the_floor_of_a_double_softmax() -> None:
    floor = math.log(math.e + 9) - 1
    classifier = small_classifier(recipe=PAPER, max_epochs=3).fit(IMAGES, LABELS)
    assert all(min(row["train_loss"], row["valid_loss"]) > floor for row in classifier.history)
    perfect = 1000 * torch.eye(10)
    assert classifier.get_loss(perfect, torch.arange(10)).item() == pytest.approx(floor, abs=1e-5)
    ours = small_classifier(recipe=PLAIN).initialize()
    assert ours.get_loss(perfect, torch.arange(10)).item() == pytest.approx(0, abs=1e-5)


def test_validation_holds_out_the_recipes_share_of_each_class() -> None:
    classifier = small_classifier(recipe=MODERN.model_copy(update={"valid_fraction": 0.2}))
    train, valid = classifier.get_split_datasets(IMAGES, LABELS)
    assert (len(train), len(valid)) == (240, 60)
    assert not set(train.indices) & set(valid.indices)
    counts = np.bincount(LABELS[valid.indices], minlength=10)
    assert np.abs(counts - np.bincount(LABELS) / 5).max() <= 1
    assert set(valid.indices) != set(small_classifier(seed=1).get_split_datasets(IMAGES, LABELS)[1].indices)


def test_every_epoch_has_an_order_of_its_own() -> None:
    classifier = small_classifier(max_epochs=3, validate=False).set_params(criterion=_RecordingLoss)
    classifier.fit(IMAGES, LABELS)
    orders = np.array(classifier.criterion_.seen).reshape(3, 300)
    assert all((np.sort(order) == np.sort(LABELS)).all() for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_the_history_holds_the_mean_loss_and_the_accuracy_of_both_parts() -> None:
    # This network has dropout, which must not work while it is scored.
    classifier = small_classifier("mnistnet", recipe=PLAIN, max_epochs=2).fit(IMAGES, LABELS)
    _, valid = classifier.get_split_datasets(IMAGES, LABELS)
    probabilities = classifier.predict_proba(IMAGES[valid.indices])
    labels = LABELS[valid.indices]
    row = classifier.history[-1]
    assert row["valid_accuracy"] == pytest.approx(float((probabilities.argmax(1) == labels).mean()))
    expected = -np.log(probabilities[np.arange(len(labels)), labels]).mean()
    assert row["valid_loss"] == pytest.approx(float(expected), rel=1e-4)
    assert 0 < row["train_accuracy"] <= 1


def test_without_validation_all_images_train_and_nothing_is_scored() -> None:
    classifier = small_classifier(max_epochs=1, validate=False).fit(IMAGES, LABELS)
    assert "valid_loss" not in classifier.history[-1]
    assert len(classifier.get_split_datasets(IMAGES, LABELS)[0]) == 300


def test_the_epoch_table_is_printed(capsys: pytest.CaptureFixture) -> None:
    small_classifier(max_epochs=2, verbose=1).fit(IMAGES, LABELS)
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
    assert changed.module_[1].out_features == 8
    assert changed.lr == 0.01
    assert not hasattr(clone(classifier), "module_")


def test_images_and_labels_that_are_not_alike_in_number_are_refused() -> None:
    with pytest.raises((ValueError, IndexError)):
        small_classifier().fit(IMAGES, LABELS[:-1])


def test_images_in_the_arrays_are_not_changed_by_training() -> None:
    images = IMAGES.copy()
    small_classifier(recipe=MODERN).fit(images, LABELS)
    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize(
    ("model", "architecture", "given"),
    [
        ("mlp", {"hidden": 3}, "hidden=3 (TypeError"),
        ("mlp", {"hidden_1": "many"}, "hidden_1='many' (TypeError"),
        ("mlp", {"hidden_1": -1}, "hidden_1=-1 (RuntimeError"),
        ("mnistnet", {"nonlinearity": "tanh"}, "nonlinearity='tanh' (KeyError"),
    ],
)
def test_arguments_that_a_network_does_not_take_are_named(model: str, architecture: dict, given: str) -> None:
    with pytest.raises(ParamsError) as caught:
        build_module(model, architecture)
    assert f"search.architectures.{model}: the network does not take {given}" in str(caught.value)


@pytest.mark.parametrize("text", ["banana", "cuda:77", "cpux"])
def test_a_device_that_is_not_there_is_a_mistake(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DIGITREC_DEVICE", text)
    with pytest.raises(DigitrecError, match=f"DIGITREC_DEVICE: got '{text}', expected auto, cpu, or a GPU"):
        device_from_environment()


def test_the_device_is_the_cpu_when_asked_and_a_gpu_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITREC_DEVICE", "cpu")
    assert device_from_environment() == "cpu"
    monkeypatch.setenv("DIGITREC_DEVICE", "auto")
    assert device_from_environment() == ("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.delenv("DIGITREC_DEVICE")
    assert device_from_environment() == ("cuda" if torch.cuda.is_available() else "cpu")
