from pathlib import Path

import numpy as np
import pytest

from digitrec.artifacts import read_array, write_array
from digitrec.errors import DataError
from digitrec.pixel_statistics import pixel_statistics
from tests.tiny import some_digits


@pytest.mark.parametrize("batch_size", [1, 7, 100, 4096])
def test_statistics_are_numpys_whatever_the_batch_size(batch_size: int) -> None:
    images = some_digits(100)[0]
    mean, std = pixel_statistics(images, batch_size)
    assert mean == pytest.approx((images / 255).mean(), rel=1e-12)
    assert std == pytest.approx((images / 255).std(), rel=1e-12)


def test_a_mapped_file_gives_the_same(tmp_path: Path) -> None:
    images = some_digits(50)[0]
    write_array(tmp_path / "images.npy", images)
    assert pixel_statistics(read_array(tmp_path / "images.npy")) == pixel_statistics(images)


def test_sums_do_not_overflow_where_nearly_all_pixels_are_white() -> None:
    images = np.full((3000, 28, 28), 255, np.uint8)
    images[::3] = 0
    mean, std = pixel_statistics(images)
    assert mean == pytest.approx(2 / 3)
    assert std == pytest.approx((2 / 9) ** 0.5)


def test_half_black_half_white() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[1] = 255
    assert pixel_statistics(images) == (0.5, 0.5)


def test_images_without_any_contrast_are_refused() -> None:
    with pytest.raises(DataError, match="all 1,568 pixels have the value 7"):
        pixel_statistics(np.full((2, 28, 28), 7, np.uint8))
