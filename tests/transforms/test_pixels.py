import numpy as np
import pytest
import torch

from digitrec.transforms.pixels import to_pixels
from tests.tiny import some_colours, some_digits


@pytest.mark.parametrize("images", [some_digits(20)[0], some_colours(20)[0]], ids=["grey", "colour"])
def test_pixels_are_from_0_to_1_with_the_channels_first(images: np.ndarray) -> None:
    before = images.copy()
    pixels = to_pixels(images)
    n, height, width, channels = images.shape
    assert pixels.shape == (n, channels, height, width)
    assert pixels.dtype == torch.float32
    np.testing.assert_allclose(pixels.numpy(), images.transpose(0, 3, 1, 2) / 255, atol=1e-7)
    assert torch.equal(to_pixels(torch.from_numpy(images)), pixels)
    np.testing.assert_array_equal(images, before)


def test_white_is_exactly_1() -> None:
    assert to_pixels(np.full((1, 2, 2, 1), 255, np.uint8)).unique().item() == 1


def test_the_layout_is_the_one_that_networks_are_fast_with() -> None:
    assert to_pixels(some_colours(4)[0]).is_contiguous(memory_format=torch.channels_last)
