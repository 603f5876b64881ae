import numpy as np
import pytest
import torch
from torchvision.transforms import RandomResizedCrop

from digitrec.spec import Recipe
from digitrec.transforms.augmentation import Augmentation, augmentation_of
from digitrec.transforms.pixels import to_pixels
from tests.tiny import some_colours, some_digits


def _pixels(n: int) -> torch.Tensor:
    return to_pixels(some_digits(n)[0])


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_augmentation_is_off_only_without_any_amount() -> None:
    assert not Augmentation()
    assert Augmentation(rotation=1)
    assert Augmentation(scale=0.1)
    assert Augmentation(shift=1)
    assert Augmentation(crop_area=[0.7, 1.0])
    assert Augmentation(crop_ratio=[0.9, 1.1])
    assert Augmentation(flagged_ones=0.1)
    assert Augmentation(flip=0.1)
    # Alone it changes nothing.
    assert not Augmentation(outside="edge", interpolation="nearest")


def test_a_recipe_says_what_is_done_to_images() -> None:
    amounts = {
        **{"rotation": 10.0, "scale": 0.1, "shift": 2.0, "crop_area": (0.7, 1.0), "crop_ratio": (0.9, 1.1)},
        **{"flip": 0.5, "outside": "edge", "interpolation": "nearest", "flagged_ones": 0.5},
    }
    assert augmentation_of(Recipe(**amounts, momentum=0.9)) == Augmentation(**amounts)
    assert augmentation_of(Recipe()) == Augmentation()


def test_crops_are_drawn_as_torchvision_draws_them() -> None:
    area, ratio = [0.7, 1.0], [0.9, 1.1]
    drawn = Augmentation(crop_area=area, crop_ratio=ratio)._draw_crops(torch.Size([4000, 1, 28, 28]), _generator(0))
    part_x, part_y, x, y = (value.numpy() for value in drawn)
    torch.manual_seed(0)
    image = torch.zeros(1, 28, 28)
    top, left, height, width = np.array([RandomResizedCrop.get_params(image, area, ratio) for _ in range(4000)]).T
    for found, expected in (
        (part_x, width / 28),
        (part_y, height / 28),
        (part_x * part_y, width * height / 784),
        (x, (left + width / 2) / 28 - 0.5),
        (y, (top + height / 2) / 28 - 0.5),
    ):
        assert found.mean() == pytest.approx(expected.mean(), abs=0.005)
        assert found.std() == pytest.approx(expected.std(), abs=0.005)
    # Inside the image.
    assert (np.abs(x) + part_x / 2).max() <= 0.5 + 1e-6


def _centre_of_mass(images: torch.Tensor) -> torch.Tensor:
    grid = torch.arange(28.0)
    weight = images.sum((1, 2, 3))
    return torch.stack([(images.sum((1, 2)) * grid).sum(1), (images.sum((1, 3)) * grid).sum(1)], 1) / weight[:, None]


def test_shifts_stay_within_bounds_and_reach_both_sides_of_both_axes() -> None:
    square = torch.zeros(1000, 1, 28, 28)
    square[:, :, 10:18, 10:18] = 1
    moved = _centre_of_mass(Augmentation(shift=3)(square, _generator(0))) - 13.5
    assert moved.abs().max() <= 3 + 1e-3
    assert (moved.amin(0) < -2.9).all()
    assert (moved.amax(0) > 2.9).all()
    # Each axis and each image on its own.
    assert abs(np.corrcoef(moved.numpy().T)[0, 1]) < 0.1
    assert moved.mean(0).abs().max() < 0.2


def test_nearest_pixels_are_shifted_by_whole_ones_and_none_is_mixed() -> None:
    square = torch.zeros(200, 1, 28, 28)
    square[:, :, 10:18, 10:18] = 1
    shifted = Augmentation(shift=2.8, interpolation="nearest")(square, _generator(0))
    moved = _centre_of_mass(shifted) - 13.5
    torch.testing.assert_close(moved, moved.round(), atol=1e-3, rtol=0)
    assert set(moved.round().abs().unique().tolist()) == {0.0, 1.0, 2.0, 3.0}
    images = _pixels(20)
    turned = Augmentation(rotation=10, interpolation="nearest")(images, _generator(0))
    assert set(turned.unique().tolist()) <= set(images.unique().tolist())
    assert not torch.equal(turned, images)


def test_scales_stay_within_bounds() -> None:
    square = torch.zeros(1000, 1, 28, 28)
    square[:, :, 10:18, 10:18] = 1
    sizes = Augmentation(scale=0.25)(square, _generator(0)).sum((1, 2, 3)).sqrt() / 8
    assert 0.74 < sizes.min() < 0.78
    assert 1.22 < sizes.max() < 1.26


def test_rotations_stay_within_bounds() -> None:
    bar = torch.zeros(1000, 1, 28, 28)
    bar[:, :, 13:15, 4:24] = 1
    turned = Augmentation(rotation=30)(bar, _generator(0))
    # The slope of the bar, by least squares.
    y, x = torch.meshgrid(torch.arange(28.0) - 13.5, torch.arange(28.0) - 13.5, indexing="ij")
    xx, yy, xy = ((turned[:, 0] * part).sum((1, 2)) for part in (x * x, y * y, x * y))
    degrees = torch.rad2deg(torch.atan2(2 * xy, xx - yy) / 2)
    assert -31 < degrees.min() < -28
    assert 28 < degrees.max() < 31


def test_without_labels_no_one_gets_a_flag() -> None:
    assert torch.equal(Augmentation(flagged_ones=1.0)(_pixels(50), _generator(0)), _pixels(50))


def test_what_comes_in_from_outside_is_black_or_the_edge_and_pixels_keep_their_range() -> None:
    images = to_pixels(some_colours(200)[0]).clamp_min(0.1)
    white = torch.ones_like(images)
    # Of white images, what is less than white is from outside.
    black, edge, share = (
        Augmentation(shift=9, outside=outside)(each, _generator(0))
        for each, outside in ((images, "black"), (images, "edge"), (white, "black"))
    )
    assert 0.2 < (share == 0).float().mean() < 0.5
    assert not black[share == 0].any()
    assert edge.min() >= 0.1 - 1e-5
    assert max(black.max(), edge.max()) <= images.max() + 1e-5
    inside = share > 1 - 1e-6
    torch.testing.assert_close(black[inside], edge[inside], atol=1e-5, rtol=0)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_flip_mirrors_a_share_of_the_images_whole_and_with_all_channels(share: float) -> None:
    images = to_pixels(some_colours(1000)[0])
    found = Augmentation(flip=share)(images, _generator(0))
    same, mirrored = ((found == each).flatten(1).all(1) for each in (images, images.flip(3)))
    assert (same ^ mirrored).all()
    assert float(mirrored.float().mean()) == pytest.approx(share, abs=0.05)


def test_a_flip_comes_after_the_map_and_leaves_its_draws_as_they_are() -> None:
    images = _pixels(100)
    mapped, flipped = (Augmentation(10, 0.1, 2, flip=flip)(images, _generator(0)) for flip in (0, 1))
    assert torch.equal(flipped, mapped.flip(3))


def test_colours_are_moved_together() -> None:
    grey = _pixels(50)
    settings = {"rotation": 20, "scale": 0.2, "shift": 3, "crop_area": [0.7, 1.0], "flip": 0.5, "outside": "edge"}
    found = Augmentation(**settings)(grey.repeat(1, 3, 1, 1), _generator(0))
    torch.testing.assert_close(found, Augmentation(**settings)(grey, _generator(0)).expand_as(found))


def test_images_given_are_not_changed() -> None:
    images, labels = some_digits(100)
    pixels = to_pixels(images)
    before = pixels.clone()
    Augmentation(10, 0.1, 2, flip=0.5, flagged_ones=1.0)(pixels, _generator(0), torch.from_numpy(labels))
    assert torch.equal(pixels, before)
