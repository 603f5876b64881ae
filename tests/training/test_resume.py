import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

from digitrec.spec import Hardening
from digitrec.training.classifier import ImageClassifier
from digitrec.training.hardening import hardening_callbacks
from digitrec.training.resume import DIGEST, ResumeFrom
from tests.tiny import MODERN, PLAIN, same_weights, small_classifier, some_digits

IMAGES, LABELS = some_digits(300)
HARD = PLAIN.model_copy(update={"hardening": Hardening(adversarial=0.3)})


def _write(path: Path, state: dict) -> None:
    content = io.BytesIO()
    torch.save(state, content)
    path.write_bytes(hashlib.sha256(content.getvalue()).digest() + content.getvalue())


class _InterruptAfter(Callback):
    def __init__(self, epoch: int):
        self.epoch = epoch

    def on_epoch_end(self, net: NeuralNet, **kwargs: object) -> None:
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("interrupted_after", [1, 2])
@pytest.mark.parametrize("model", ["mnistnet", "mlp"])
def test_interrupted_fit_resumes_to_the_same_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture, model: str, interrupted_after: int
) -> None:
    settings = {"recipe": MODERN, "max_epochs": 3, "batch_size": 64}
    whole = small_classifier(model, **settings).fit(IMAGES, LABELS)
    resume = ("resume", ResumeFrom(tmp_path / "state.pt"))
    stopped = small_classifier(model, **settings, callbacks=[resume, ("interrupt", _InterruptAfter(interrupted_after))])
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(IMAGES, LABELS)
    assert not same_weights(stopped, whole)
    resumed = small_classifier(model, **settings, callbacks=[resume]).fit(IMAGES, LABELS)
    assert f"going on after epoch {interrupted_after} of 3" in capsys.readouterr().out
    assert resumed.epochs_restored_ == interrupted_after
    assert same_weights(resumed, whole)
    assert [row["epoch"] for row in resumed.history] == [1, 2, 3]
    for key in ("train_loss", "train_accuracy"):
        assert [row[key] for row in resumed.history] == [row[key] for row in whole.history]


def test_a_finished_fit_is_not_done_again(tmp_path: Path) -> None:
    resume = ("resume", ResumeFrom(tmp_path / "state.pt"))
    first = small_classifier(callbacks=[resume]).fit(IMAGES, LABELS)
    again = small_classifier(callbacks=[resume]).fit(IMAGES, LABELS)
    assert again.epochs_restored_ == 2
    assert same_weights(first, again)


@pytest.mark.parametrize("damage", [b"", b"not a state", None])
def test_a_damaged_state_is_ignored_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture, damage: bytes | None
) -> None:
    path = tmp_path / "state.pt"
    resume = ("resume", ResumeFrom(path))
    first = small_classifier(callbacks=[resume]).fit(IMAGES, LABELS)
    path.write_bytes(path.read_bytes()[:-200] if damage is None else damage)
    again = small_classifier(callbacks=[resume]).fit(IMAGES, LABELS)
    assert f"warning: ignoring {path}, which is damaged" in capsys.readouterr().out
    assert again.epochs_restored_ == 0
    assert same_weights(first, again)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("module"),
        lambda state: state.pop("optimizer"),
        lambda state: state.pop("history"),
        lambda state: state.update(history=3),
        lambda state: state["module"].update(other=torch.zeros(1)),
        lambda state: state["optimizer"].update(param_groups=[]),
    ],
)
def test_of_a_state_that_does_not_fit_nothing_is_taken_over(
    tmp_path: Path, capsys: pytest.CaptureFixture, change: Callable[[dict], object]
) -> None:
    path = tmp_path / "state.pt"
    # What changes the images on their way into the network must stay where it is, too.
    settings = {"recipe": HARD, "callbacks": [*hardening_callbacks(HARD), ("resume", ResumeFrom(path))]}
    first = small_classifier(**settings).fit(IMAGES, LABELS)
    state = torch.load(io.BytesIO(path.read_bytes()[DIGEST:]), weights_only=True)
    change(state)
    _write(path, state)
    again = small_classifier(**settings).fit(IMAGES, LABELS)
    assert f"warning: ignoring {path}, which is damaged" in capsys.readouterr().out
    assert [row["epoch"] for row in again.history] == [1, 2]
    assert same_weights(first, again)


def _kept_state(path: Path) -> tuple[ImageClassifier, ResumeFrom, bytes]:
    """A small training, what keeps its state in a file, and what that file holds."""
    classifier = small_classifier(architecture={"hidden_1": 2, "hidden_2": 2}).fit(IMAGES[:20], LABELS[:20])
    resume = ResumeFrom(path)
    resume.on_epoch_end(classifier)
    return classifier, resume, path.read_bytes()


def test_whatever_lies_in_the_file_it_ends_no_training(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "state.pt"
    classifier, resume, state = _kept_state(path)
    rng = np.random.default_rng(0)
    for _ in range(40):
        damaged, start = bytearray(state), int(rng.integers(len(state)))
        damaged[start : start + 100] = rng.bytes(len(damaged[start : start + 100]))
        path.write_bytes(rng.choice([bytes(damaged), b"\x80\x02" + rng.bytes(100), state[:start]]))
        classifier.initialize()
        resume.on_train_begin(classifier)
        assert not classifier.history
    assert capsys.readouterr().out.count(f"warning: ignoring {path}, which is damaged") == 40


def test_a_bit_that_flipped_anywhere_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "state.pt"
    classifier, resume, state = _kept_state(path)
    rng = np.random.default_rng(0)
    for position in [0, DIGEST, len(state) - 1, *rng.integers(len(state), size=40)]:
        damaged = bytearray(state)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        classifier.initialize()
        resume.on_train_begin(classifier)
        assert not classifier.history
    assert capsys.readouterr().out.count("its SHA-256 is another one") == 43


def test_a_state_is_not_unpickled_into_anything(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    _write(tmp_path / "state.pt", {"module": Path("anything")})
    small_classifier(max_epochs=1, callbacks=[("resume", ResumeFrom(tmp_path / "state.pt"))]).fit(IMAGES, LABELS)
    assert "which is damaged" in capsys.readouterr().out
