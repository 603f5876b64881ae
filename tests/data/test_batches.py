import math
from pathlib import Path

import numpy as np
import pytest
import torch

from digitrec.data.batches import CHUNK_PIXELS, Batches
from digitrec.pipeline.files import read_array, write_array
from digitrec.transforms.augmentation import Augmentation
from digitrec.transforms.pixels import to_pixels
from tests.tiny import some_colours, some_digits

IMAGES, LABELS = some_digits(100)
CHUNK = CHUNK_PIXELS // 784


def _batches(index: np.ndarray, batch_size: int, **settings: object) -> Batches:
    return Batches(IMAGES, LABELS, index, batch_size, **settings)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_a_generator_images_come_in_order_and_as_they_are() -> None:
    index = np.array([5, 3, 99, 0, 7])
    batches = list(_batches(index, 2, augmentation=Augmentation(20, 0.2, 3)))
    assert [len(images) for images, _ in batches] == [2, 2, 1]
    assert len(_batches(index, 2)) == 3
    assert torch.equal(torch.cat([pixels for pixels, _ in batches]), to_pixels(IMAGES[index]))
    labels = torch.cat([labels for _, labels in batches])
    assert labels.dtype == torch.int64
    assert labels.tolist() == LABELS[index].tolist()


@pytest.mark.parametrize("batch_size", [1, 32, 100, 1000])
def test_shuffled_batches_hold_every_image_once_with_its_label(batch_size: int) -> None:
    index = np.arange(10, 90)
    # Pixel 0 tells the image, so that a label can be held against it.
    marked = IMAGES.copy()
    marked[:, 0, 0, 0] = np.arange(100)
    batches = Batches(marked, LABELS, index, batch_size, generator=_generator(0))
    images, labels = map(torch.cat, zip(*batches, strict=True))
    rows = (images[:, 0, 0, 0] * 255).round().int().numpy()
    assert len(list(batches)) == len(batches) == math.ceil(80 / batch_size)
    assert sorted(rows) == index.tolist()
    assert rows.tolist() != index.tolist()
    np.testing.assert_array_equal(labels.numpy(), LABELS[rows])


def test_the_same_seed_gives_the_same_batches_and_another_seed_others() -> None:
    def epoch(seed: int) -> torch.Tensor:
        batches = _batches(np.arange(100), 32, augmentation=Augmentation(5, 0.05, 1), generator=_generator(seed))
        return torch.cat([images for images, _ in batches])

    assert torch.equal(epoch(1), epoch(1))
    assert not torch.equal(epoch(1), epoch(2))


def test_a_generator_goes_on_so_the_next_epoch_has_another_order() -> None:
    batches = _batches(np.arange(100), 100, generator=_generator(0))
    assert not torch.equal(next(iter(batches))[1], next(iter(batches))[1])


@pytest.mark.parametrize("batch_size", [100, CHUNK, 2 * CHUNK])
def test_more_images_than_a_chunk_come_in_full_batches(batch_size: int) -> None:
    n = 2 * CHUNK + 137
    index = np.arange(n) % 100
    sizes = [len(images) for images, _ in _batches(index, batch_size, generator=_generator(0))]
    assert sum(sizes) == n
    assert set(sizes[:-1]) == {batch_size}
    assert len(sizes) == len(_batches(index, batch_size))


def test_a_mapped_file_gives_the_same_batches_and_stays_as_it_was(tmp_path: Path) -> None:
    write_array(tmp_path / "images.npy", IMAGES)
    write_array(tmp_path / "labels.npy", LABELS.astype(np.uint8))
    before = (tmp_path / "images.npy").read_bytes()
    mapped = Batches(read_array(tmp_path / "images.npy"), read_array(tmp_path / "labels.npy"), np.arange(100), 32)
    for (images, labels), (expected, expected_labels) in zip(mapped, _batches(np.arange(100), 32), strict=True):
        assert torch.equal(images, expected)
        assert torch.equal(labels, expected_labels)
    assert (tmp_path / "images.npy").read_bytes() == before


def test_without_labels_they_are_zeros() -> None:
    batches = Batches(IMAGES, None, np.arange(10), 10)
    assert next(iter(batches))[1].tolist() == [0] * 10


def test_ones_of_a_training_s_batches_get_flags_and_those_that_are_scored_do_not() -> None:
    index = np.flatnonzero(LABELS == 1)
    plain = torch.cat([images for images, _ in _batches(index, 32)])
    settings = {"augmentation": Augmentation(flagged_ones=1.0)}
    assert torch.equal(torch.cat([images for images, _ in _batches(index, 32, **settings)]), plain)
    flagged = torch.cat([images for images, _ in _batches(index, 32, generator=_generator(0), **settings)])
    assert (flagged.flatten(1).sum(1).sort()[0] > plain.flatten(1).sum(1).sort()[0]).all()


def test_training_batches_are_augmented_and_black_stays_black() -> None:
    blank = np.zeros((50, 28, 28, 1), np.uint8)
    augmentation = Augmentation(20, 0.3, 8)
    pixels, _ = next(iter(Batches(blank, None, np.arange(50), 50, augmentation, _generator(0))))
    assert not pixels.any()
    shuffled = _batches(np.arange(100), 100, generator=_generator(0))
    augmented = _batches(np.arange(100), 100, augmentation=augmentation, generator=_generator(0))
    assert not torch.allclose(next(iter(shuffled))[0], next(iter(augmented))[0], atol=0.1)


def test_colour_images_come_with_their_channels_in_full_batches_from_chunks_of_fewer_images() -> None:
    images, labels = some_colours(100)
    n = CHUNK_PIXELS // (20 * 24 * 3) + 50
    index = np.arange(n) % 100
    batches = list(Batches(images, labels.astype(np.uint16), index, 100))
    assert [len(pixels) for pixels, _ in batches] == [100] * (n // 100) + [n % 100]
    pixels, found = map(torch.cat, zip(*batches, strict=True))
    assert pixels.shape == (n, 3, 20, 24)
    np.testing.assert_array_equal((pixels * 255).round().numpy().transpose(0, 2, 3, 1), images[index])
    np.testing.assert_array_equal(found.numpy(), labels[index])


def test_an_image_larger_than_a_chunk_still_comes() -> None:
    images = np.zeros((3, 800, 800, 3), np.uint8)
    assert [len(pixels) for pixels, _ in Batches(images, None, np.arange(3), 2)] == [2, 1]
