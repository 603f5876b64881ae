import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import pairwise_distances_argmin

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import digits, digits_8x8
from tests.tiny import all_digits


def test_the_embedded_digits_are_split_into_1437_and_360() -> None:
    data = all_digits()
    check_dataset(data)
    assert data.train_images.shape == (1437, 28, 28, 1)
    assert data.test_images.shape == (360, 28, 28, 1)
    assert data.train_labels.dtype == data.test_labels.dtype == np.uint8


def test_the_split_is_stratified_and_loses_no_image() -> None:
    data = all_digits()
    train, test = np.bincount(data.train_labels), np.bincount(data.test_labels)
    np.testing.assert_array_equal(train + test, np.bincount(load_digits().target))
    assert np.abs(test / (train + test) - 360 / 1797).max() < 0.003


def test_loading_twice_gives_the_same() -> None:
    for first, second in zip(all_digits()[1:], digits.load(None)[1:], strict=True):
        np.testing.assert_array_equal(first, second)


def test_images_are_the_small_ones_enlarged_and_lie_under_its_label() -> None:
    data = all_digits()
    images = np.concatenate([data.train_images, data.test_images])
    labels = np.concatenate([data.train_labels, data.test_labels])
    assert (images.min(), images.max()) == (0, 255)
    shrunk = np.stack(
        [np.asarray(Image.fromarray(image[..., 0]).resize((8, 8), Image.Resampling.BOX)) for image in images]
    )
    small, truth = load_digits(return_X_y=True)
    nearest = pairwise_distances_argmin(shrunk.reshape(-1, 64) * (16 / 255), small)
    # Rounding makes two of them look alike.
    assert len(set(nearest)) >= 1796
    np.testing.assert_array_equal(truth[nearest], labels)


def test_nothing_is_fetched() -> None:
    def refuse(file: object) -> None:
        raise AssertionError(file)

    digits.load(refuse)


def test_at_their_own_size_they_are_the_same_digits_in_the_same_order() -> None:
    large, small = all_digits(), digits_8x8.load(None)
    check_dataset(small)
    assert small.spec.image.shape == (8, 8, 1)
    np.testing.assert_array_equal(small.train_labels, large.train_labels)
    np.testing.assert_array_equal(small.test_labels, large.test_labels)
    again = [Image.fromarray(image[..., 0]).resize((28, 28), Image.Resampling.BICUBIC) for image in small.test_images]
    np.testing.assert_array_equal(np.stack(again), large.test_images[..., 0])
