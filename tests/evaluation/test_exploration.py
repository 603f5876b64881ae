import numpy as np
import pytest

from digitrec.evaluation.exploration import amounts, augmented_samples, class_rows, kinds, mean_images
from digitrec.spec import Hardening, Recipe
from digitrec.transforms.augmentation import augmentation_of

PLAIN = Recipe()
MODERN = Recipe(rotation=5.0, scale=0.05, shift=1.0)
SHAH = Recipe(rotation=10.0, crop_area=[0.7, 1.0], crop_ratio=[0.9, 1.1], shift=2.8)
FLIPPED = Recipe(flip=0.5, outside="edge")


def _strokes(n: int, side: int = 28, channels: int = 1) -> np.ndarray:
    """A bar and a dot, each image's elsewhere: what is turned or moved differs."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    a, b = rng.uniform(0.35, 0.65, (2, n, 1, 1))
    blobs = np.exp(-200 * (x - a) ** 2 - 12 * (y - 0.5) ** 2) + np.exp(-90 * (x - 0.12) ** 2 - 90 * (y - b) ** 2)
    return np.repeat((120 * blobs).astype(np.uint8)[..., None], channels, axis=3)


IMAGES, LABELS = _strokes(40), np.arange(40) % 10


def test_images_are_counted_by_class_also_those_that_a_part_lacks() -> None:
    rows = class_rows(np.array([0, 0, 2], np.uint8), np.array([1], np.uint8), ["cat", "Greek/alpha", "ox"])
    assert rows == [
        {"class": "cat", "train": 2, "test": 0},
        {"class": "Greek/alpha", "train": 0, "test": 1},
        {"class": "ox", "train": 1, "test": 0},
    ]


@pytest.mark.parametrize("channels", [1, 3])
def test_means_are_those_of_each_class(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 5, channels), np.uint8)
    labels = np.arange(20) % 3
    means = mean_images(images, labels, 4)
    assert means.shape == (4, 4, 5, channels)
    assert means.dtype == np.uint8
    np.testing.assert_array_equal(means[1], np.rint(images[1::3].astype(float).mean(0)))
    assert not means[3].any()


def test_every_kind_of_augmentation_has_a_row_of_the_same_images_and_the_recipe_the_last() -> None:
    samples = augmented_samples(IMAGES, LABELS, "modern", MODERN, 0)
    assert samples.rows == [
        "as they are",
        "rotation ±25°",
        "scale ±25 %",
        "shift ±4 px",
        "crop to 50–90 %\nof the area,\nratio 0.75–1.33",
        "recipe modern:\nrotation ±5°\nscale ±5 %\nshift ±1 px",
    ]
    assert samples.images.shape == (6, 10, 28, 28, 1)
    assert samples.images.dtype == np.uint8
    assert samples.classes == list(range(10))
    plain, *changed = samples.images.astype(int)
    np.testing.assert_array_equal(plain, IMAGES[:10])
    for name, row in zip(samples.rows[1:], changed, strict=True):
        assert (np.abs(row - plain).max((1, 2, 3)) > 8).sum() >= 8, name
    # Less rotation and shift than each alone: what the recipe gives is more like the original.
    rotated, _, shifted, cropped, of_recipe = (np.abs(row - plain).mean() for row in changed)
    assert of_recipe < min(rotated, shifted, cropped)


@pytest.mark.parametrize(("side", "channels", "shift"), [(8, 1, 1), (64, 3, 9), (5, 1, 1)])
def test_amounts_suit_the_size(side: int, channels: int, shift: int) -> None:
    samples = augmented_samples(_strokes(20, side, channels), np.arange(20) % 2, "modern", MODERN, 0)
    assert samples.images.shape == (6, 2, side, side, channels)
    assert f"shift ±{shift} px" in samples.rows


def test_of_many_classes_ten_are_spread_evenly() -> None:
    images, labels = _strokes(136, 8), np.arange(136)[::-1]
    samples = augmented_samples(images, labels, "paper", PLAIN, 0)
    assert samples.classes == [k * 136 // 10 for k in range(10)]
    np.testing.assert_array_equal(samples.images[0, 1], images[135 - 13])


def test_a_kind_alone_is_one_kind_and_a_flip_is_shown_where_the_recipe_flips() -> None:
    assert [len(amounts(kind)) for kind in kinds(PLAIN, 28)] == [1] * 4
    alone = kinds(FLIPPED, 28)
    assert amounts(alone[-1]) == ["flip of 100 %\nof the images"]
    assert {kind.outside for kind in alone} == {"edge"}
    flipped = augmented_samples(IMAGES, LABELS, "photographs", FLIPPED, 0)
    np.testing.assert_array_equal(
        flipped.images[flipped.rows.index("flip of 100 %\nof the images")], IMAGES[:10, :, ::-1]
    )


def test_amounts_name_what_a_recipe_does_and_nothing_else() -> None:
    expected = ["rotation ±10°", "shift ±2.8 px", "crop to 70–100 %\nof the area,\nratio 0.9–1.1"]
    assert amounts(augmentation_of(SHAH)) == expected
    assert amounts(augmentation_of(Recipe(flagged_ones=0.5))) == ["a flag on 50 %\nof the ones"]
    assert amounts(augmentation_of(FLIPPED)) == ["flip of 50 %\nof the images"]


def test_only_the_one_gets_a_flag() -> None:
    images = augmented_samples(IMAGES, LABELS, "flags", Recipe(flagged_ones=1.0), 0).images.astype(int)
    assert np.flatnonzero(np.abs(images[-1] - images[0]).max((1, 2, 3)) > 12).tolist() == [1]


def test_without_augmentation_the_recipe_s_row_is_unchanged_and_says_so() -> None:
    samples = augmented_samples(IMAGES, LABELS, "paper", PLAIN, 0)
    assert samples.rows[-1] == "recipe paper:\nnone"
    np.testing.assert_array_equal(samples.images[-1], samples.images[0])


@pytest.mark.parametrize(("recipe", "lines"), [(PLAIN, ""), (MODERN, "rotation ±5°\nscale ±5 %\nshift ±1 px\n")])
def test_a_recipe_that_hardens_shows_its_distortions_too(recipe: Recipe, lines: str) -> None:
    hard = recipe.model_copy(update={"hardening": Hardening(background=1.0)})
    before = augmented_samples(IMAGES, LABELS, "robust", recipe, 0).images[-1].astype(int)
    samples = augmented_samples(IMAGES, LABELS, "robust", hard, 0)
    assert samples.rows[-1] == f"recipe robust:\n{lines}distortions"
    assert 2 <= (np.abs(samples.images[-1] - before).max((1, 2, 3)) > 12).sum() <= 8


def test_the_seed_alone_decides_the_amounts() -> None:
    one, same, other = (augmented_samples(IMAGES, LABELS, "modern", MODERN, seed).images for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one.astype(int) - other).max() > 25
