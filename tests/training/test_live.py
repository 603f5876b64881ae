import csv
from pathlib import Path

import numpy as np
import pytest

from digitrec.training.classifier import ImageRows
from digitrec.training.live import DVCLiveCallback
from digitrec.training.resume import ResumeFrom
from tests.tiny import small_classifier, some_digits

IMAGES, LABELS = some_digits(100)


def _curve(folder: Path, key: str) -> list[tuple[int, float]]:
    with open(folder / "plots/metrics" / f"{key}.tsv", newline="") as file:
        return [(int(row["step"]), float(row[key])) for row in csv.DictReader(file, delimiter="\t")]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVCLive looks for a repository around the current folder."""
    monkeypatch.chdir(tmp_path)


def test_every_epoch_is_logged(tmp_path: Path) -> None:
    live = DVCLiveCallback(tmp_path / "live", ("train_loss", "valid_accuracy"))
    held_out = {"images": IMAGES, "valid": ImageRows(IMAGES, LABELS, np.arange(80, 100))}
    classifier = small_classifier(max_epochs=3, callbacks=[("live", live)], **held_out).fit(np.arange(80), LABELS[:80])
    for key in ("train_loss", "valid_accuracy"):
        assert [step for step, _ in _curve(tmp_path / "live", key)] == [0, 1, 2]
        np.testing.assert_allclose(
            [value for _, value in _curve(tmp_path / "live", key)], [row[key] for row in classifier.history]
        )
    assert sorted(path.stem for path in (tmp_path / "live/plots/metrics").iterdir()) == ["train_loss", "valid_accuracy"]


def test_a_key_that_epochs_lack_is_left_out(tmp_path: Path) -> None:
    live = DVCLiveCallback(tmp_path / "live", ("train_loss", "valid_loss"))
    small_classifier(max_epochs=2, callbacks=[("live", live)]).fit(IMAGES, LABELS)
    assert len(_curve(tmp_path / "live", "train_loss")) == 2
    assert not (tmp_path / "live/plots/metrics/valid_loss.tsv").exists()


def test_epochs_of_an_interrupted_fit_are_in_the_curve_too(tmp_path: Path) -> None:
    def fit(max_epochs: int) -> None:
        callbacks = [
            ("resume", ResumeFrom(tmp_path / "state.pt")),
            ("live", DVCLiveCallback(tmp_path / "live", ("train_loss",))),
        ]
        small_classifier(max_epochs=max_epochs, callbacks=callbacks).fit(IMAGES, LABELS)

    fit(2)
    first = _curve(tmp_path / "live", "train_loss")
    fit(3)
    curve = _curve(tmp_path / "live", "train_loss")
    assert [step for step, _ in curve] == [0, 1, 2]
    assert curve[:2] == first


def test_nothing_else_is_written(tmp_path: Path) -> None:
    small_classifier(callbacks=[("live", DVCLiveCallback(tmp_path / "live", ("train_loss",)))]).fit(IMAGES, LABELS)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"live/metrics.json", "live/plots/metrics/train_loss.tsv"}
