import numpy as np
import pytest

from digitrec.reading.examples import KINDS
from digitrec.spec import ImageSpec
from digitrec.training import reader
from digitrec.training.reader import NONE, reader_image, reader_images, reads_digits, refusal_scores, valid_examples
from tests.tiny import IMAGE

DIGITS = ImageSpec(height=28, width=28, channels=1, classes=tuple("0123456789"), preparation="mnist")
RNG = np.random.default_rng(0)
LABELS = np.arange(36) % 10
IMAGES = np.zeros((36, 28, 28, 1), np.uint8)
IMAGES[:, 4:24, 12:16] = 255


def test_only_digits_as_mnists_get_a_reader() -> None:
    assert reads_digits(DIGITS)
    assert not reads_digits(DIGITS.model_copy(update={"preparation": "resize"}))
    assert not reads_digits(DIGITS.model_copy(update={"classes": tuple("abcdefghij")}))
    assert not reads_digits(IMAGE.model_copy(update={"height": 30}))
    assert reader_image(DIGITS).classes == (*"0123456789", NONE)


def test_it_learns_from_as_many_drawn_examples_as_the_dataset_is_large() -> None:
    images, labels = reader_images(IMAGES, LABELS, DIGITS, seed=0, jobs=1)
    assert images.shape == (36 + 24 + 60, 28, 28, 1)
    assert images.dtype == np.uint8
    assert (images[:36] == IMAGES).all()
    assert (labels == 10).sum() == 60
    assert (reader_images(IMAGES, LABELS, DIGITS, seed=1, jobs=1)[0] != images).any()


def test_what_is_drawn_does_not_depend_on_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PART", 20)
    alone, together = (reader_images(IMAGES, LABELS, DIGITS, seed=0, jobs=jobs) for jobs in (1, 2))
    for first, second in zip(alone, together, strict=True):
        assert np.array_equal(first, second)
    others = alone[0][alone[1] == 10]
    assert len(np.unique(others, axis=0)) > 50


def test_validation_has_examples_of_every_kind() -> None:
    (digits, labels), others = valid_examples(IMAGES, LABELS, DIGITS, seed=0)
    assert len(digits) == len(labels) == 20
    assert {kind: len(drawn) for kind, drawn in others.items()} == dict.fromkeys(KINDS, 2)


def test_the_threshold_keeps_99_percent_of_the_digits_and_what_is_below_it_is_refused() -> None:
    labels = np.arange(1000) % 10
    digits = np.zeros((1000, 10))
    digits[np.arange(1000), labels] = np.linspace(0.5, 1, 1000)
    digits[-1] = np.roll(digits[-1], 1)
    others = np.zeros((4, 10))
    others[:, 0] = [0.1, 0.2, 0.3, 0.9]
    scores = refusal_scores((digits, labels), {"letters": others})
    assert scores["digits"] == {"n": 1000, "right": 989, "unsure": 10, "wrong": 1}
    assert scores["refused"] == {"all": {"share": 0.75, "n": 4}, "letters": {"share": 0.75, "n": 4}}
