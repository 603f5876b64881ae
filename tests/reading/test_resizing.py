import numpy as np
import pytest

from digitrec.reading.resizing import enough_pixels, fit_picture
from digitrec.spec import ImageSpec


def form(height: int, width: int, channels: int) -> ImageSpec:
    return ImageSpec(height=height, width=width, channels=channels, classes=("a", "b"), preparation="resize")


def halves(height: int, width: int) -> np.ndarray:
    """Red on the left, blue on the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2, 0] = picture[:, width // 2 :, 2] = 200
    return picture


def test_a_picture_of_the_right_form_is_not_touched() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    assert np.array_equal(fit_picture(picture, form(9, 7, 3)), picture)


@pytest.mark.parametrize("scale", [1, 3, 17])
def test_the_shape_of_what_is_shown_is_kept(scale: int) -> None:
    # A disc in a picture that is four times as wide as high.
    height, width = 40 * scale, 160 * scale
    y, x = np.mgrid[:height, :width]
    disc = np.hypot(y - height / 2 + 0.5, x - width / 2 + 0.5) < 15 * scale
    picture = np.where(disc, 255, 30).astype(np.uint8)[..., None]
    fitted = fit_picture(picture, form(64, 64, 1))
    assert fitted.shape == (64, 64, 1)
    rows, columns = np.nonzero(fitted[..., 0] > 140)
    assert np.ptp(rows) == np.ptp(columns) == 11
    assert abs(rows.mean() - 31.5) < 0.1
    assert abs(columns.mean() - 31.5) < 0.1


def test_what_is_free_gets_the_colour_of_most_of_the_border() -> None:
    picture = np.full((30, 60, 3), (10, 120, 240), np.uint8)
    picture[8:22, 20:40] = (255, 0, 0)
    # Something leaves the picture.
    picture[0:9, 28:32] = (255, 0, 0)
    fitted = fit_picture(picture, form(60, 60, 3))
    assert (fitted[:14] == (10, 120, 240)).all()
    assert (fitted[46:] == (10, 120, 240)).all()
    assert (fitted[30, 30] == (255, 0, 0)).all()


def test_colours_become_luminance_and_grey_becomes_three_equal_channels() -> None:
    grey = fit_picture(halves(20, 20), form(20, 20, 1))
    assert grey.shape == (20, 20, 1)
    assert (grey[10, 2, 0], grey[10, 17, 0]) == (60, 23)
    colour = fit_picture(np.full((20, 10, 1), 77, np.uint8), form(20, 20, 3))
    assert colour.shape == (20, 20, 3)
    assert (colour == 77).all()


def test_red_stays_red() -> None:
    fitted = fit_picture(halves(300, 300), form(10, 10, 3))
    assert fitted[5, 1].tolist() == [200, 0, 0]
    assert fitted[5, 8].tolist() == [0, 0, 200]


def test_a_fine_pattern_becomes_its_mean_and_no_other_pattern() -> None:
    picture = (255 * (np.indices((400, 400)).sum(0) % 2)).astype(np.uint8)[..., None]
    fitted = fit_picture(picture, form(37, 37, 1))
    assert abs(fitted.astype(int) - 127).max() < 12


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3000, 2), (28, 27)])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_every_shape_come_out_whole(shape: tuple[int, int], channels: int) -> None:
    image = form(28, 20, 4 - channels)
    fitted = fit_picture(np.full((*shape, channels), 90, np.uint8), image)
    assert (fitted.shape, fitted.dtype) == (image.shape, np.uint8)
    assert (fitted == 90).all()


def test_twice_the_size_is_enough_to_decode() -> None:
    assert enough_pixels(form(28, 64, 3)) == 128
