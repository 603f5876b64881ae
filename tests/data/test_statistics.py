from pathlib import Path

import numpy as np
import pytest

from digitrec.data.statistics import pixel_statistics
from digitrec.errors import DataError
from digitrec.pipeline.files import read_array, write_array
from digitrec.spec import Normalization
from tests.tiny import some_digits

NOISE = np.random.default_rng(0).integers(0, 256, (40, 5, 7, 3), np.uint8)


@pytest.mark.parametrize("batch_pixels", [1, 5000, 100_000, 2_000_000])
def test_statistics_are_numpys_whatever_the_batch_size(batch_pixels: int) -> None:
    for images in (some_digits(100)[0], NOISE):
        found = pixel_statistics(images, batch_pixels)
        assert found.mean == pytest.approx((images / 255).mean((0, 1, 2)), rel=1e-12)
        assert found.std == pytest.approx((images / 255).std((0, 1, 2)), rel=1e-12)


def test_each_channel_has_its_own() -> None:
    images = NOISE.copy()
    images[..., 1] //= 2
    found = pixel_statistics(images)
    assert len(found.mean) == len(found.std) == 3
    assert found.mean[1] < 0.3 < min(found.mean[0], found.mean[2])


def test_a_mapped_file_gives_the_same(tmp_path: Path) -> None:
    images = some_digits(50)[0]
    write_array(tmp_path / "images.npy", images)
    assert pixel_statistics(read_array(tmp_path / "images.npy")) == pixel_statistics(images)


def test_sums_do_not_overflow_where_nearly_all_pixels_are_white() -> None:
    images = np.full((3000, 28, 28, 1), 255, np.uint8)
    images[::3] = 0
    found = pixel_statistics(images)
    assert found.mean[0] == pytest.approx(2 / 3, abs=1e-15)
    assert found.std[0] == pytest.approx((2 / 9) ** 0.5, abs=1e-15)


def test_half_black_half_white() -> None:
    images = np.zeros((2, 28, 28, 1), np.uint8)
    images[1] = 255
    assert pixel_statistics(images) == Normalization(mean=0.5, std=0.5)


def test_images_without_any_contrast_are_refused() -> None:
    with pytest.raises(DataError, match=r"^all 1,568 pixels have the value 7"):
        pixel_statistics(np.full((2, 28, 28, 1), 7, np.uint8))


def test_a_colour_without_contrast_is_named() -> None:
    images = NOISE.copy()
    images[..., 1] = 9
    with pytest.raises(DataError, match=r"^all 1,400 pixels of the green channel have the value 9"):
        pixel_statistics(images)
