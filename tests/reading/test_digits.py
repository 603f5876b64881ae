import cv2
import numpy as np
import pytest

from digitrec.reading import digits
from digitrec.reading.digits import Digit
from digitrec.spec import ImageSpec
from tests.drawing import ink_of
from tests.tiny import IMAGE


def find_digit(grey: np.ndarray, image: ImageSpec = IMAGE) -> Digit | None:
    return digits.find_digit(grey, image)


def drawn(digit: int = 3, height: int = 90, pen: float = 9, size: tuple[int, int] = (160, 140)) -> np.ndarray:
    """Dark ink on a white page."""
    cover = ink_of(digit, np.random.default_rng(digit), height, pen, size, (0.3, 0.6))
    return np.rint(255 * (1 - cover)).astype(np.uint8)


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def centre(image: np.ndarray) -> np.ndarray:
    moments = cv2.moments(image)
    return np.array([moments["m10"], moments["m01"]]) / moments["m00"]


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_is_fitted_into_20_pixels_and_centred_by_mass(digit: int) -> None:
    found = find_digit(drawn(digit))
    assert found.pixels.shape == (28, 28)
    assert found.pixels.dtype == np.uint8
    assert found.pixels.max() == 255
    _, _, width, height = cv2.boundingRect(found.pixels)
    assert max(width, height) == 20
    assert abs(centre(found.pixels) - 13.5).max() <= 0.75


@pytest.mark.parametrize(("height", "width", "side"), [(8, 8, 6), (32, 32, 23), (64, 96, 46)])
def test_other_sizes_get_the_same_in_proportion(height: int, width: int, side: int) -> None:
    image = IMAGE.model_copy(update={"height": height, "width": width})
    found = find_digit(drawn(), image).pixels
    assert found.shape == (height, width)
    assert max(cv2.boundingRect(found)[2:]) == side
    assert abs(centre(found) - [(width - 1) / 2, (height - 1) / 2]).max() <= 1
    middle = found[:, (width - height) // 2 :][:, :height]
    small = cv2.resize(find_digit(drawn()).pixels, middle.shape, interpolation=cv2.INTER_AREA)
    assert likeness(middle, small) > 0.75


def test_the_box_is_where_the_ink_is() -> None:
    page = drawn()
    found = find_digit(page)
    left, top, width, height = cv2.boundingRect((page < 128).astype(np.uint8))
    assert np.abs(np.array(found.box) - [left, top, left + width, top + height]).max() <= 2


def test_polarity_place_and_size_do_not_matter() -> None:
    page = drawn()
    expected = find_digit(page).pixels
    assert likeness(find_digit(255 - page).pixels, expected) > 0.99
    assert likeness(find_digit(np.roll(page, (-15, 20), (0, 1))).pixels, expected) > 0.97
    for scale in (0.35, 3.0, 14.0):
        other = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        assert likeness(find_digit(other).pixels, expected) > 0.9, scale
    large = find_digit(cv2.resize(page, None, fx=14, fy=14, interpolation=cv2.INTER_LINEAR))
    assert np.abs(np.array(large.box) / 14 - find_digit(page).box).max() < 2


def test_uneven_light_and_faint_ink_do_not_matter() -> None:
    page = drawn().astype(np.float32)
    expected = find_digit(page.astype(np.uint8)).pixels
    slope = np.linspace(0.4, 1, page.shape[1])[None]
    assert likeness(find_digit((page * slope).astype(np.uint8)).pixels, expected) > 0.95
    faint = (200 + (page - 255) * 0.12).astype(np.uint8)
    assert likeness(find_digit(faint).pixels, expected) > 0.9


def test_a_stroke_of_one_pixel_becomes_as_thick_as_a_pen() -> None:
    page = np.full((300, 200), 255, np.uint8)
    cv2.line(page, (60, 40), (140, 40), 0, 1)
    cv2.line(page, (140, 40), (90, 260), 0, 1)
    image = find_digit(page).pixels
    # A 7 of MNIST has some 90 pixels' worth of ink.
    assert 40 < image.sum() / 255 < 140


@pytest.mark.parametrize("step", [24, 61])
@pytest.mark.parametrize("squared", [False, True])
def test_ruled_lines_are_taken_away_and_the_strokes_that_cross_them_are_not(step: int, squared: bool) -> None:
    page = drawn()
    expected = find_digit(page).pixels
    page[7::step] = np.minimum(page[7::step], 150)
    if squared:
        page[:, 5::step] = np.minimum(page[:, 5::step], 150)
    assert likeness(find_digit(page).pixels, expected) > 0.85


@pytest.mark.parametrize("digit", [1, 7])
def test_a_tight_crop_keeps_strokes_that_go_from_border_to_border(digit: int) -> None:
    page = drawn(digit)
    left, top, width, height = cv2.boundingRect((page < 128).astype(np.uint8))
    tight = page[top : top + height, left : left + width]
    assert likeness(find_digit(tight).pixels, find_digit(page).pixels) > 0.9


def test_stray_marks_are_left_out_and_parts_of_the_digit_are_not() -> None:
    page = drawn(5)
    expected = find_digit(page).pixels
    cv2.circle(page, (150, 10), 4, 0, -1)
    assert likeness(find_digit(page).pixels, expected) > 0.99
    broken = drawn(5)
    # A scratch through the digit.
    broken[70:73] = 255
    assert likeness(find_digit(broken).pixels, expected) > 0.9


def test_a_broad_digit_that_leaves_a_part_of_a_tight_image_free_is_whole() -> None:
    page = drawn(3, 90, 20, (200, 160))
    left, top, width, height = cv2.boundingRect((page < 128).astype(np.uint8))
    tight = page[top : top + height, left - 25 : left + width]
    assert likeness(find_digit(tight).pixels, find_digit(page).pixels) > 0.9


def test_a_line_of_one_pixel_in_a_large_image_does_not_break() -> None:
    page = np.full((1300, 1300), 255, np.uint8)
    cv2.line(page, (1100, 607), (1106, 860), 0, 1)
    image = find_digit(page).pixels
    assert (image.max(1) > 100).sum() >= 20


def test_paper_on_a_table_is_read_as_paper_alone() -> None:
    page = drawn(4)
    table = cv2.copyMakeBorder(page, 30, 40, 50, 20, cv2.BORDER_CONSTANT, value=60)
    found, expected = find_digit(table), find_digit(page)
    assert likeness(found.pixels, expected.pixels) > 0.97
    assert np.abs(np.array(found.box) - expected.box - [50, 30, 50, 30]).max() <= 1
    # Squared paper: its lines end where the paper does.
    page[7::31] = np.minimum(page[7::31], 170)
    page[:, 5::31] = np.minimum(page[:, 5::31], 170)
    table = cv2.copyMakeBorder(page, 30, 40, 50, 20, cv2.BORDER_CONSTANT, value=60)
    assert likeness(find_digit(table).pixels, expected.pixels) > 0.85


@pytest.mark.parametrize("digit", [0, 4, 7])
def test_a_frame_around_a_digit_and_a_line_under_it_are_left_out(digit: int) -> None:
    page = drawn(digit, size=(200, 180))
    expected = find_digit(page)
    marked = [page.copy() for _ in range(3)]
    cv2.rectangle(marked[0], (14, 16), (184, 164), 0, 2)
    cv2.ellipse(marked[1], (100, 90), (92, 84), 0, 0, 360, 0, 3)
    left, _, right, bottom = expected.box
    cv2.line(marked[2], (left - 10, bottom + 8), (right + 10, bottom + 11), 0, 3)
    for image in marked:
        assert likeness(find_digit(image).pixels, expected.pixels) > 0.97


def test_an_image_in_the_networks_form_is_taken_as_it_is() -> None:
    for image in (IMAGE, IMAGE.model_copy(update={"height": 40, "width": 36})):
        pixels = find_digit(drawn(), image).pixels
        assert np.array_equal(find_digit(pixels, image).pixels, pixels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (28, 28), (500, 400)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_blank_image_holds_no_digit(shape: tuple[int, int], grey: int) -> None:
    assert find_digit(np.full(shape, grey, np.uint8)) is None


def test_noise_and_slow_changes_of_light_hold_no_digit() -> None:
    rng = np.random.default_rng(0)
    assert find_digit(np.clip(rng.normal(128, 12, (200, 200)), 0, 255).astype(np.uint8)) is None
    assert find_digit(np.tile(np.linspace(60, 220, 200), (150, 1)).astype(np.uint8)) is None


def test_whatever_an_image_holds_there_is_an_answer() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        height, width = (int(side) for side in np.exp(rng.uniform(0, 5, 2)))
        grey = rng.integers(0, rng.integers(2, 257), (height, width), np.uint8)
        if rng.random() < 0.7:
            # Rectangles, lines and blots in place of noise.
            grey = np.full_like(grey, rng.integers(256))
            for _ in range(rng.integers(1, 5)):
                left, top, right, bottom = (int(x) for x in rng.uniform(0, [width, height, width, height]))
                cv2.rectangle(grey, (left, top), (right, bottom), int(rng.integers(256)), int(rng.integers(-1, 4)))
        found = find_digit(grey)
        assert found is None or (found.pixels.shape == (28, 28) and found.pixels.any())


def test_one_level_of_noise_beside_pure_black_ink_is_no_ink() -> None:
    rng = np.random.default_rng(0)
    page = np.where(drawn() < 128, 0, rng.integers(254, 256, drawn().shape)).astype(np.uint8)
    assert likeness(find_digit(page).pixels, find_digit(drawn()).pixels) > 0.97


def test_in_a_tight_crop_of_a_broad_soft_digit_the_frame_says_what_is_paper() -> None:
    soft = cv2.GaussianBlur(drawn(8, 90, 18, (130, 120)), (0, 0), 5)
    left, top, width, height = cv2.boundingRect((soft < 200).astype(np.uint8))
    tight = soft[top - 4 : top + height + 4, left - 4 : left + width + 4]
    assert likeness(find_digit(tight).pixels, find_digit(drawn(8, 90, 18, (130, 120))).pixels) > 0.9


@pytest.mark.parametrize("height", [40, 150, 600])
def test_strokes_of_one_pixel_become_as_thick_as_most_of_mnists(height: int) -> None:
    page = np.full((height + 20, height), 255, np.uint8)
    cv2.line(page, (height // 4, 10), (3 * height // 4, 10), 0, 1)
    cv2.line(page, (3 * height // 4, 10), (height // 3, height + 10), 0, 1)
    found = find_digit(page).pixels
    # A quarter of MNIST's digits have strokes thinner than two pixels.
    rows = found[12:22].astype(float).sum(1) / 255
    assert 1.7 < rows.mean() < 3.2
