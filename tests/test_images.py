import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms import functional as torchvision_functional

from digitrec.artifacts import read_array, write_array
from digitrec.images import CHUNK, Augmentation, Batches, Normalization, affine, flag_ones
from tests.tiny import NORMALIZATION, some_digits

IMAGES, LABELS = some_digits(100)


def _batches(index: np.ndarray, batch_size: int, **settings: object) -> Batches:
    return Batches(IMAGES, LABELS, index, batch_size, NORMALIZATION, **settings)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _tensor(n: int) -> torch.Tensor:
    return torch.from_numpy(IMAGES[:n]).unsqueeze(1) / 255


def test_normalization_is_subtraction_and_division_of_scaled_pixels() -> None:
    found = Normalization(0.1307, 0.3081)(torch.from_numpy(IMAGES))
    expected = (IMAGES / 255 - 0.1307) / 0.3081
    assert found.shape == (100, 1, 28, 28)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found[:, 0].numpy(), expected, atol=2e-6)


def test_the_background_is_a_normalized_empty_pixel() -> None:
    normalization = Normalization(0.1307, 0.3081)
    empty = normalization(torch.zeros(1, 28, 28, dtype=torch.uint8))
    assert empty.unique().item() == pytest.approx(normalization.background)


def test_without_a_generator_images_come_in_order_and_as_they_are() -> None:
    index = np.array([5, 3, 99, 0, 7])
    batches = list(_batches(index, 2, augmentation=Augmentation(20, 0.2, 3)))
    assert [len(images) for images, _ in batches] == [2, 2, 1]
    assert len(_batches(index, 2)) == 3
    assert torch.equal(torch.cat([images for images, _ in batches]), NORMALIZATION(torch.from_numpy(IMAGES[index])))
    labels = torch.cat([labels for _, labels in batches])
    assert labels.dtype == torch.int64
    assert labels.tolist() == LABELS[index].tolist()


@pytest.mark.parametrize("batch_size", [1, 32, 100, 1000])
def test_shuffled_batches_hold_every_image_once_with_its_label(batch_size: int) -> None:
    index = np.arange(10, 90)
    # Pixel 0 tells the image, so that a label can be held against it.
    marked = IMAGES.copy()
    marked[:, 0, 0] = np.arange(100)
    batches = Batches(marked, LABELS, index, batch_size, Normalization(0.0, 1.0), generator=_generator(0))
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
    mapped = Batches(
        read_array(tmp_path / "images.npy"), read_array(tmp_path / "labels.npy"), np.arange(100), 32, NORMALIZATION
    )
    for (images, labels), (expected, expected_labels) in zip(mapped, _batches(np.arange(100), 32), strict=True):
        assert torch.equal(images, expected)
        assert torch.equal(labels, expected_labels)
    assert (tmp_path / "images.npy").read_bytes() == before


def test_without_labels_they_are_zeros() -> None:
    batches = Batches(IMAGES, None, np.arange(10), 10, NORMALIZATION)
    assert next(iter(batches))[1].tolist() == [0] * 10


@pytest.mark.parametrize(
    ("degrees", "scale", "right", "down"),
    [(30, 1, 0, 0), (-12.5, 1, 0, 0), (0, 1.3, 0, 0), (0, 0.7, 0, 0), (0, 1, 3, 0), (0, 1, 0, -2.5), (17, 0.9, 1.5, 4)],
)
def test_affine_is_torchvisions(degrees: float, scale: float, right: float, down: float) -> None:
    images = _tensor(20)
    found = affine(
        images,
        torch.full((20,), math.radians(degrees)),
        *(torch.full((20,), float(value)) for value in (scale, scale, right, down)),
    )
    expected = torchvision_functional.affine(
        images, degrees, [right, down], scale, [0.0, 0.0], interpolation=InterpolationMode.BILINEAR
    )
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)
    assert not torch.allclose(found, images, atol=0.1)


def test_affine_with_other_amounts_for_each_image_is_one_after_the_other() -> None:
    images = _tensor(5)
    radians, scale_x = [0.1, -0.2, 0, 0.3, 0], [1, 1.1, 0.9, 1, 1.2]
    amounts = torch.tensor([radians, scale_x, [1, 1, 0.9, 1.3, 1], [0, 1, -1, 2, 0], [1, 0, 0, -1, 2.0]])
    together = affine(images, *amounts)
    for k in range(5):
        torch.testing.assert_close(together[k : k + 1], affine(images[k : k + 1], *amounts[:, k : k + 1]))


def test_affine_by_nothing_changes_nothing() -> None:
    images = _tensor(5)
    zero, one = torch.zeros(5), torch.ones(5)
    torch.testing.assert_close(affine(images, zero, one, one, zero, zero, background=-0.4), images, atol=1e-5, rtol=0)


def test_whole_pixel_shifts_move_rows_and_columns_and_fill_in_background() -> None:
    images = _tensor(3)
    zero, one = torch.zeros(3), torch.ones(3)
    right = affine(images, zero, one, one, torch.full((3,), 4.0), zero, background=-0.5)
    torch.testing.assert_close(right[..., 4:], images[..., :-4], atol=1e-4, rtol=0)
    torch.testing.assert_close(right[..., :4], torch.full((3, 1, 28, 4), -0.5))
    down = affine(images, zero, one, one, zero, torch.full((3,), 2.0), background=-0.5)
    torch.testing.assert_close(down[..., 2:, :], images[..., :-2, :], atol=1e-4, rtol=0)


def test_a_positive_angle_turns_clockwise() -> None:
    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, 2:6, 14] = 1  # At twelve o'clock.
    turned = affine(image, torch.tensor([math.pi / 2]), *torch.ones(2, 1), *torch.zeros(2, 1))
    column = turned[0, 0].sum(0).argmax().item()
    assert column > 20  # At three o'clock.


def test_augmentation_is_off_only_without_any_amount() -> None:
    assert not Augmentation()
    assert Augmentation(rotation=1)
    assert Augmentation(scale=0.1)
    assert Augmentation(shift=1)
    assert Augmentation(crop_area=[0.7, 1.0])
    assert Augmentation(crop_ratio=[0.9, 1.1])
    assert Augmentation(flagged_ones=0.1)


@pytest.mark.parametrize(("top", "left", "height", "width"), [(2, 3, 24, 22), (4, 1, 20, 26), (0, 0, 28, 28)])
def test_a_crop_is_torchvisions_but_at_the_border(top: int, left: int, height: int, width: int) -> None:
    images = _tensor(20)
    scale_x, scale_y = 28 / width, 28 / height
    right, down = (14 - left - width / 2) * scale_x, (14 - top - height / 2) * scale_y
    found = affine(images, torch.zeros(20), *(torch.full((20,), v) for v in (scale_x, scale_y, right, down)))
    expected = torchvision_functional.resized_crop(images, top, left, height, width, [28, 28], antialias=True)
    # There torchvision repeats the crop's edge, while the affine map sees the pixels beyond it.
    torch.testing.assert_close(found[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=2e-5, rtol=0)


def test_a_rotation_then_a_crop_then_a_shift_is_one_affine_map() -> None:
    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, 7:21, 9:18] = torch.rand(14, 9, generator=_generator(0))
    one, nil = torch.ones(1), torch.zeros(1)
    radians, wide, tall, right, down = (torch.tensor([v]) for v in (0.1, 1.2, 1.1, 2.0, -1.0))
    smooth = torch.nn.functional.avg_pool2d(image, 7, 1, 3)
    steps = affine(smooth, radians, one, one, nil, nil)
    steps = affine(steps, nil, wide, tall, nil, nil)
    steps = affine(steps, nil, one, one, right, down)
    # Interpolating thrice blurs a little more.
    torch.testing.assert_close(affine(smooth, radians, wide, tall, right, down), steps, atol=0.05, rtol=0)


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


def test_some_ones_get_a_flag_that_starts_at_their_top_and_nothing_else_changes() -> None:
    bars = torch.full((2000, 1, 28, 28), NORMALIZATION.background)
    bars[:, :, 4:24, 13:15] = 2.0
    labels = torch.arange(2000) % 2
    flagged = flag_ones(bars, labels, 0.5, _generator(0), NORMALIZATION.background)
    changed = (flagged != bars).flatten(1).any(1)
    assert not changed[labels == 0].any()
    assert 0.45 < changed[labels == 1].float().mean() < 0.55
    ink = (flagged[changed] - bars[changed])[:, 0] > 0.01
    columns, rows = ink.any(1), ink.any(2)
    # To the left of the bar, from its top down, as long and as steep as stated.
    assert not columns[:, 17:].any()
    assert columns[:, 12].all()
    assert not rows[:, :2].any()
    assert rows[:, 4:6].any(1).all()
    left, bottom = columns.int().argmax(1), 27 - rows.flip(1).int().argmax(1)
    assert 3 <= left.min() < 6 < 9 < left.max() <= 12
    assert 4 < bottom.min() < 8 < 11 < bottom.max() <= 15
    assert flagged.max() == 2.0
    assert (bars[:, :, 4:24, 13:15] == 2.0).all()


def test_ones_of_a_training_s_batches_get_flags_and_those_that_are_scored_do_not() -> None:
    index = np.flatnonzero(LABELS == 1)
    plain = torch.cat([images for images, _ in _batches(index, 32)])
    settings = {"augmentation": Augmentation(flagged_ones=1.0)}
    assert torch.equal(torch.cat([images for images, _ in _batches(index, 32, **settings)]), plain)
    flagged = torch.cat([images for images, _ in _batches(index, 32, generator=_generator(0), **settings)])
    assert (flagged.flatten(1).sum(1).sort()[0] > plain.flatten(1).sum(1).sort()[0]).all()


def test_without_labels_no_one_gets_a_flag() -> None:
    found = Augmentation(flagged_ones=1.0)(_tensor(50), _generator(0))
    torch.testing.assert_close(found, _tensor(50), atol=1e-5, rtol=0)


def test_augmented_images_are_filled_with_background_and_keep_their_range() -> None:
    images = NORMALIZATION(torch.from_numpy(IMAGES))
    changed = Augmentation(0, 0, 14)(images, _generator(0), NORMALIZATION.background)
    corner = changed[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corner - NORMALIZATION.background).abs().median() < 1e-5
    assert changed.min() >= images.min() - 1e-4
    assert changed.max() <= images.max() + 1e-4


def test_training_batches_are_augmented_with_the_normalized_background() -> None:
    blank = np.zeros((50, 28, 28), np.uint8)
    augmentation = Augmentation(20, 0.3, 8)
    batches = Batches(blank, None, np.arange(50), 50, NORMALIZATION, augmentation, _generator(0))
    images, _ = next(iter(batches))
    torch.testing.assert_close(images, torch.full_like(images, NORMALIZATION.background))
    shuffled = _batches(np.arange(100), 100, generator=_generator(0))
    augmented = _batches(np.arange(100), 100, augmentation=augmentation, generator=_generator(0))
    assert not torch.allclose(next(iter(shuffled))[0], next(iter(augmented))[0], atol=0.1)
