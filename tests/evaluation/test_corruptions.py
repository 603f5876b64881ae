import numpy as np
import pytest

from digitrec.evaluation import corruptions
from digitrec.evaluation.corruptions import CORRUPTIONS, _clouds, corrupt
from tests.tiny import some_digits

IMAGES, LABELS = some_digits(200)
RANDOM = set(CORRUPTIONS) - {"scale", "brightness", "stripe", "canny_edges"}
BAR = np.zeros((40, 28, 28, 1), np.uint8)
BAR[:, 4:24, 12:16] = 255
# Mean pixels of IMAGES when each is corrupted, as they were before there were other sizes and colours.
MEANS = {
    "shot_noise": 68.744,
    "impulse_noise": 87.316,
    "glass_blur": 79.077,
    "motion_blur": 78.920,
    "shear": 79.246,
    "scale": 39.295,
    "rotate": 77.650,
    "brightness": 184.354,
    "translate": 70.950,
    "stripe": 185.997,
    "fog": 119.517,
    "spatter": 77.521,
    "dotted_line": 84.479,
    "zigzag": 88.803,
    "canny_edges": 30.553,
}


def _waves(height: int, width: int, channels: int, n: int = 12) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    phases = np.random.default_rng(0).uniform(0, 6, (n, 1, 1, channels))
    return np.uint8(120 + 60 * np.sin(9 * rows[..., None] + phases) + 60 * np.sin(7 * columns[..., None] - phases))


def _doubled(images: np.ndarray) -> np.ndarray:
    return images.repeat(2, 1).repeat(2, 2)


def _halved(images: np.ndarray) -> np.ndarray:
    n, height, width, channels = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def _angles(images: np.ndarray) -> np.ndarray:
    """The direction of each image's longest axis, in radians from the vertical, from its second moments."""
    rows, columns = np.mgrid[:28, :28] - 13.5
    images = images[..., 0]
    mass = images.sum((1, 2), dtype=float)
    moments = [(images * product).sum((1, 2)) / mass for product in (rows * columns, rows**2 - columns**2)]
    return np.arctan2(2 * moments[0], moments[1]) / 2


def test_they_are_the_fifteen_of_mnist_c() -> None:
    assert list(CORRUPTIONS) == [
        *("shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale", "rotate", "brightness"),
        *("translate", "stripe", "fog", "spatter", "dotted_line", "zigzag", "canny_edges"),
    ]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_changes_every_image_and_leaves_the_given_ones_as_they_were(name: str) -> None:
    before = IMAGES.copy()
    changed = corrupt(IMAGES, name, 0)
    assert changed.dtype == np.uint8
    assert changed.shape == IMAGES.shape
    assert np.array_equal(IMAGES, before)
    # A line may fall on ink, spatter beside it, but seldom.
    assert (changed != IMAGES).any((1, 2, 3)).mean() > 0.97


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_seed_gives_the_same_images_and_another_one_others(name: str) -> None:
    changed = corrupt(IMAGES, name, 0)
    assert np.array_equal(changed, corrupt(IMAGES, name, 0))
    assert np.array_equal(changed, corrupt(IMAGES, name, 1)) is (name not in RANDOM)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_one_image_alone_can_be_corrupted(name: str) -> None:
    assert corrupt(IMAGES[:1], name, 0).shape == (1, 28, 28, 1)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_mnists_images_are_corrupted_as_ever(name: str) -> None:
    assert corrupt(IMAGES, name, 0).mean() == pytest.approx(MEANS[name], abs=0.01)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 13, 3), (40, 24, 3), (64, 64, 3)])
def test_each_works_at_any_size_and_colour(name: str, shape: tuple[int, int, int]) -> None:
    images = _waves(*shape)
    changed = corrupt(images, name, 0)
    assert changed.dtype == np.uint8
    assert changed.shape == images.shape
    assert (changed != images).any((1, 2, 3)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 3), (9, 1, 1), (2, 3, 3)])
def test_each_works_on_images_of_a_pixel_or_a_line(name: str, shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, *shape), np.uint8)
    assert corrupt(images, name, 0).shape == images.shape


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_grey_shown_in_colours_stays_grey_but_for_noise(name: str) -> None:
    changed = corrupt(_waves(24, 24, 1).repeat(3, 3), name, 0)
    assert (changed == changed[..., :1]).all() is np.bool_(name not in ("shot_noise", "impulse_noise"))


@pytest.mark.parametrize("name", sorted({"brightness", "stripe", "translate", "glass_blur", "motion_blur", "rotate"}))
def test_each_channel_is_corrupted_as_a_grey_image_would_be(name: str) -> None:
    images = _waves(20, 30, 3)
    changed = corrupt(images, name, 0)
    for channel in range(3):
        alone = corrupt(images[..., channel : channel + 1], name, 0)
        assert np.array_equal(changed[..., channel : channel + 1], alone)


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"shot_noise", "impulse_noise", "canny_edges"}))
def test_an_image_twice_as_large_is_corrupted_as_much(name: str) -> None:
    large, small = (corrupt(images, name, 0).astype(float) for images in (_doubled(IMAGES), IMAGES))
    assert _halved(large).mean() == pytest.approx(small.mean(), rel=0.04)
    moved = [np.abs(changed - images).mean() for changed, images in ((large, _doubled(IMAGES)), (small, IMAGES))]
    assert moved[0] == pytest.approx(moved[1], rel=0.15)


def test_many_images_are_corrupted_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corruptions, "AT_A_TIME", 50 * 784)
    parts = [len(part) for part in _parts_of(monkeypatch, "fog", IMAGES[:120])]
    assert parts == [50, 50, 20]
    changed = corrupt(IMAGES[:120], "shot_noise", 0)
    # The first are as they would be alone, and the next are not drawn as the first were.
    assert np.array_equal(changed[:50], corrupt(IMAGES[:50], "shot_noise", 0))
    assert not np.array_equal(changed[50:100], corrupt(IMAGES[50:100], "shot_noise", 0))


def _parts_of(monkeypatch: pytest.MonkeyPatch, name: str, images: np.ndarray) -> list[np.ndarray]:
    parts = []
    monkeypatch.setitem(CORRUPTIONS, name, lambda pixels, rng: parts.append(pixels) or pixels)
    assert np.array_equal(corrupt(images, name, 0), images)
    return parts


def test_shot_noise_counts_photons() -> None:
    grey = np.full((200, 28, 28, 1), 85, np.uint8)
    changed = corrupt(grey, "shot_noise", 0)
    # On average one photon, of three that make white: none in 37 %, and thirds otherwise.
    assert set(np.unique(changed)) == {0, 85, 170, 255}
    assert np.mean(changed == 0) == pytest.approx(np.exp(-1), abs=0.005)
    assert not corrupt(np.zeros_like(grey), "shot_noise", 0).any()


def test_impulse_noise_makes_as_many_black_as_white_pixels() -> None:
    changed = corrupt(np.full((200, 28, 28, 1), 100, np.uint8), "impulse_noise", 0)
    for value in (0, 255):
        assert np.mean(changed == value) == pytest.approx(0.085, abs=0.003)
    assert np.mean(changed == 100) == pytest.approx(0.83, abs=0.003)


@pytest.mark.parametrize("name", ["glass_blur", "motion_blur"])
def test_blurs_keep_the_ink_and_spread_it(name: str) -> None:
    changed = corrupt(BAR, name, 0)
    assert changed.sum(dtype=float) == pytest.approx(BAR.sum(dtype=float), rel=0.02)
    assert (changed > 0).sum() > 1.3 * (BAR > 0).sum()
    assert changed.max((1, 2, 3)).mean() < 255


def test_glass_blur_moves_pixels_differently_in_each_image() -> None:
    changed = corrupt(BAR, "glass_blur", 0)
    assert len({image.tobytes() for image in changed}) == len(BAR)


def test_rotation_and_shear_slant_a_bar_to_either_side() -> None:
    for name, low, high in (("rotate", 0.38, 0.42), ("shear", 0.3, 0.45)):
        angles = _angles(corrupt(BAR, name, 0))
        assert (low < np.abs(angles)).all(), name
        assert (np.abs(angles) < high).all(), name
        assert 5 < (angles > 0).sum() < 35, name


@pytest.mark.parametrize("name", ["shear", "scale", "rotate"])
def test_the_centre_stays_where_it_is(name: str) -> None:
    ink = corrupt(BAR, name, 0)[..., 0] / 255
    places = [(ink * place).sum((1, 2)) / ink.sum((1, 2)) for place in np.mgrid[:28, :28]]
    assert np.stack(places) == pytest.approx(np.full((2, 40), 13.5), abs=0.02)


def test_scaling_shrinks_about_the_centre() -> None:
    changed = corrupt(BAR, "scale", 0)
    # Pixels are taken at points: of so small an area the edge is a good part.
    assert changed.sum(dtype=float) == pytest.approx(0.49 * BAR.sum(dtype=float), rel=0.05)
    rows = np.flatnonzero(changed[0].max((1, 2)) > 127)
    assert (rows[0] + rows[-1]) / 2 == 13.5
    assert len(rows) == 14


def test_brightness_and_stripe_by_hand() -> None:
    image = np.full((1, 28, 28, 1), 50, np.uint8)
    image[0, 0, 0] = 200
    bright = corrupt(image, "brightness", 0)[0]
    assert bright[5, 5] == 178
    assert bright[0, 0] == 255
    striped = corrupt(image, "stripe", 0)[0]
    assert striped[0, 0] == 55
    assert (striped[1, :7] == 205).all()
    assert (striped[:, 7:21] == 50).all()
    assert (striped[:, 21:] == 205).all()


def test_translation_moves_by_three_pixels_to_all_four_sides() -> None:
    dot = np.zeros((60, 28, 28, 1), np.uint8)
    dot[:, 10, 20] = 77
    places = {tuple(place) for place in np.argwhere(corrupt(dot, "translate", 0) == 77)[:, 1:3]}
    assert places == {(7, 17), (7, 23), (13, 17), (13, 23)}
    edge = np.full((60, 28, 28, 1), 9, np.uint8)
    # What comes in is empty.
    assert (corrupt(edge, "translate", 0) == 9).sum((1, 2, 3)).tolist() == [25 * 25] * 60


def test_fog_leaves_a_quarter_of_the_contrast() -> None:
    changed = corrupt(BAR, "fog", 0)[..., 0].astype(int)
    # The bar stands out against what is beside it by 255 / 4; the cloud itself hardly changes from pixel to pixel.
    difference = changed[:, 4:24, 13:15].mean((1, 2)) - changed[:, 4:24, [10, 11, 16, 17]].mean((1, 2))
    assert difference.mean() == pytest.approx(255 / 4, rel=0.1)
    background = changed[:, :, 0]
    assert 60 < background.mean() < 140
    assert np.abs(np.diff(background, axis=1)).mean() < 10


def test_clouds_reach_from_nought_to_one_and_wrap_around() -> None:
    clouds = _clouds(3, 256, 1.4, np.random.default_rng(0))
    assert clouds.shape == (3, 256, 256)
    assert clouds.min((1, 2)).tolist() == [0] * 3
    assert clouds.max((1, 2)).tolist() == [1] * 3
    assert not np.array_equal(clouds[0], clouds[1])
    inside, across = np.abs(np.diff(clouds, axis=1)).mean(), np.abs(clouds[:, 0] - clouds[:, -1]).mean()
    assert across < 3 * inside < 0.1


def test_spatter_is_mud_over_ink_and_paper() -> None:
    black = corrupt(np.zeros_like(BAR), "spatter", 0)
    assert black.max() == 63
    assert 0.05 < np.mean(black > 0) < 0.35
    assert corrupt(np.full_like(BAR, 255), "spatter", 0).min() < 110


def test_a_dotted_line_is_two_pixels_on_and_two_off() -> None:
    lines = corrupt(np.zeros_like(BAR), "dotted_line", 0)[..., 0]
    drawn = lines.any((0, 1))
    assert drawn.tolist() == [column // 2 % 2 == 1 and column < 27 for column in range(28)]
    # On each of these columns, in every image, the line's middle is dark.
    assert lines[:, :, drawn].max(1).min() > 190


def test_a_zigzag_runs_from_border_to_border_and_turns_every_four_pixels() -> None:
    lines = corrupt(np.zeros_like(BAR), "zigzag", 0)[..., 0].astype(float)
    # A line that starts near the top or bottom may leave the image.
    middle = (lines.argmax(1)[:, 12] > 9) & (lines.argmax(1)[:, 12] < 19)
    height = lines[middle, :, 2:25]
    assert middle.sum() > 5
    assert (height.max(1) > 120).all()
    centres = (height * np.arange(28)[:, None]).sum(1) / height.sum(1)
    steps = np.sign(np.diff(centres - np.linspace(centres[:, :4].mean(1), centres[:, -4:].mean(1), 23).T))
    turns = (np.diff(steps) != 0).sum(1)
    assert (turns >= 5).all()


def test_canny_leaves_outlines() -> None:
    edges = corrupt(BAR, "canny_edges", 0)[..., 0]
    assert set(np.unique(edges)) == {0, 255}
    # The bar is four pixels wide: its inside and what is far from it are empty.
    assert not edges[:, 8:20, :10].any()
    assert edges[:, 8:20].sum((1, 2)).tolist() == [12 * 2 * 255] * 40
