import math

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as torchvision_functional

from digitrec.transforms.affine import affine
from digitrec.transforms.pixels import to_pixels
from tests.tiny import some_colours, some_digits


def _pixels(n: int) -> torch.Tensor:
    return to_pixels(some_digits(n)[0])


def _colours(n: int) -> torch.Tensor:
    return to_pixels(some_colours(n)[0])


@pytest.mark.parametrize("pixels", [_pixels(20), _colours(20)], ids=["28x28 grey", "24x20 colour"])
@pytest.mark.parametrize(
    ("degrees", "scale", "right", "down"),
    [(30, 1, 0, 0), (-12.5, 1, 0, 0), (0, 1.3, 0, 0), (0, 0.7, 0, 0), (0, 1, 3, 0), (0, 1, 0, -2.5), (17, 0.9, 1.5, 4)],
)
def test_affine_is_torchvisions(pixels: torch.Tensor, degrees: float, scale: float, right: float, down: float) -> None:
    found = affine(
        pixels,
        torch.full((20,), math.radians(degrees)),
        *(torch.full((20,), float(value)) for value in (scale, scale, right, down)),
    )
    expected = torchvision_functional.affine(
        pixels, degrees, [right, down], scale, [0.0, 0.0], interpolation=InterpolationMode.BILINEAR
    )
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)
    assert not torch.allclose(found, pixels, atol=0.1)


def test_affine_with_other_amounts_for_each_image_is_one_after_the_other() -> None:
    images = _pixels(5)
    radians, scale_x = [0.1, -0.2, 0, 0.3, 0], [1, 1.1, 0.9, 1, 1.2]
    amounts = torch.tensor([radians, scale_x, [1, 1, 0.9, 1.3, 1], [0, 1, -1, 2, 0], [1, 0, 0, -1, 2.0]])
    together = affine(images, *amounts)
    for k in range(5):
        torch.testing.assert_close(together[k : k + 1], affine(images[k : k + 1], *amounts[:, k : k + 1]))


@pytest.mark.parametrize("outside", ["black", "edge"])
def test_affine_by_nothing_changes_nothing(outside: str) -> None:
    images = _pixels(5)
    zero, one = torch.zeros(5), torch.ones(5)
    torch.testing.assert_close(affine(images, zero, one, one, zero, zero, outside=outside), images, atol=1e-5, rtol=0)


@pytest.mark.parametrize("outside", ["black", "edge"])
def test_whole_pixel_shifts_move_rows_and_columns_and_fill_in_black_or_the_edge(outside: str) -> None:
    images = _colours(3)
    zero, one = torch.zeros(3), torch.ones(3)
    right = affine(images, zero, one, one, torch.full((3,), 4.0), zero, outside=outside)
    torch.testing.assert_close(right[..., 4:], images[..., :-4], atol=1e-4, rtol=0)
    edge = images[..., :1] if outside == "edge" else torch.zeros(3, 3, 20, 1)
    torch.testing.assert_close(right[..., :4], edge.expand(3, 3, 20, 4), atol=1e-4, rtol=0)
    up = affine(images, zero, one, one, zero, torch.full((3,), -2.0), outside=outside)
    torch.testing.assert_close(up[..., :-2, :], images[..., 2:, :], atol=1e-4, rtol=0)
    edge = images[..., -1:, :] if outside == "edge" else torch.zeros(3, 3, 1, 24)
    torch.testing.assert_close(up[..., -2:, :], edge.expand(3, 3, 2, 24), atol=1e-4, rtol=0)


def test_a_positive_angle_turns_clockwise() -> None:
    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, 2:6, 14] = 1  # At twelve o'clock.
    turned = affine(image, torch.tensor([math.pi / 2]), *torch.ones(2, 1), *torch.zeros(2, 1))
    column = turned[0, 0].sum(0).argmax().item()
    assert column > 20  # At three o'clock.


@pytest.mark.parametrize(("top", "left", "height", "width"), [(2, 3, 24, 22), (4, 1, 20, 26), (0, 0, 28, 28)])
def test_a_crop_is_torchvisions_but_at_the_border(top: int, left: int, height: int, width: int) -> None:
    images = _pixels(20)
    scale_x, scale_y = 28 / width, 28 / height
    right, down = (14 - left - width / 2) * scale_x, (14 - top - height / 2) * scale_y
    found = affine(images, torch.zeros(20), *(torch.full((20,), v) for v in (scale_x, scale_y, right, down)))
    expected = torchvision_functional.resized_crop(images, top, left, height, width, [28, 28], antialias=True)
    # There torchvision repeats the crop's edge, while the affine map sees the pixels beyond it.
    torch.testing.assert_close(found[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=2e-5, rtol=0)


def test_a_rotation_then_a_crop_then_a_shift_is_one_affine_map() -> None:
    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, 7:21, 9:18] = torch.rand(14, 9, generator=torch.Generator().manual_seed(0))
    one, nil = torch.ones(1), torch.zeros(1)
    radians, wide, tall, right, down = (torch.tensor([v]) for v in (0.1, 1.2, 1.1, 2.0, -1.0))
    smooth = torch.nn.functional.avg_pool2d(image, 7, 1, 3)
    steps = affine(smooth, radians, one, one, nil, nil)
    steps = affine(steps, nil, wide, tall, nil, nil)
    steps = affine(steps, nil, one, one, right, down)
    # Interpolating thrice blurs a little more.
    torch.testing.assert_close(affine(smooth, radians, wide, tall, right, down), steps, atol=0.05, rtol=0)
