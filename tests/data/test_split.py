import numpy as np
import pytest

from digitrec.data.split import validation_split
from digitrec.errors import DataError
from tests.tiny import some_digits

LABELS = some_digits(300)[1]


def test_a_share_of_each_class_is_held_out_and_every_image_is_in_one_part() -> None:
    train, valid = validation_split(LABELS, 0.2, 0)
    assert (len(train), len(valid)) == (240, 60)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, valid])), np.arange(300))
    assert np.abs(np.bincount(LABELS[valid], minlength=10) - np.bincount(LABELS) / 5).max() <= 1
    for rows in (train, valid):
        assert rows.dtype == np.int64
        assert (np.diff(rows) > 0).all()


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    first, second, third = (validation_split(LABELS, 0.2, seed)[1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


def test_the_kind_of_the_labels_and_what_was_drawn_before_do_not_count() -> None:
    expected = validation_split(LABELS, 0.1, 0)
    np.random.seed(7)
    for kind in (np.uint8, np.uint16, np.int64):
        for found, rows in zip(validation_split(LABELS.astype(kind), 0.1, 0), expected, strict=True):
            np.testing.assert_array_equal(found, rows)


@pytest.mark.parametrize(
    ("labels", "fraction", "rarest"),
    [(np.array([0] * 50 + [1]), 0.2, 1), (np.repeat(np.arange(20), 2), 0.1, 2), (np.repeat([0, 1], 2), 0.9, 2)],
)
def test_too_few_images_for_both_parts_are_told_with_what_to_do(
    labels: np.ndarray, fraction: float, rarest: int
) -> None:
    with pytest.raises(DataError) as caught:
        validation_split(labels, fraction, 0)
    text = str(caught.value)
    assert text.startswith(f"valid_fraction: got {fraction:g}, which of {len(labels)} images in ")
    assert f"{len(np.unique(labels))} classes (the rarest has {rarest})" in text
    assert "give each class more images, or hold out another share" in text
