import numpy as np
import pytest

from digitrec.reading.levels import eight_bits

# A page with a stroke, from 0 to 1, with a little noise.
PAGE = np.random.default_rng(0).normal(0.85, 0.01, (60, 50))
PAGE[10:50, 20:26] = 0.1
SCALES = {
    "10 bits": (PAGE * 1023).astype(np.uint16),
    "12 bits": (PAGE * 4095).astype(np.uint16),
    "16 bits": (PAGE * 65_535).astype(np.uint16),
    "16 bits with a sign": (PAGE * 32_767).astype(np.int16),
    "32 bits": (PAGE * (2**32 - 1)).astype(np.uint32),
    "from 0 to 1": PAGE.astype(np.float32),
    "from -1 to 1": (2 * PAGE - 1).astype(np.float64),
    "around 0": (PAGE * 65_535 - 32_768).astype(np.int16),
}


@pytest.mark.parametrize("values", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("may_be_blank", [False, True])
def test_all_scales_give_the_same_page(values: np.ndarray, may_be_blank: bool) -> None:
    assert abs(eight_bits(values, may_be_blank) - PAGE * 255).max() <= 2


@pytest.mark.parametrize("value", [65_535.0, -3.4e38, np.nan, np.inf, -np.inf])
def test_one_pixel_that_is_off_is_as_the_page_is(value: float) -> None:
    values = (PAGE * 1023).astype(np.float32)
    values[3, 3] = value
    found = eight_bits(values, True)
    assert abs(found - PAGE * 255)[values != value].max() <= 2 or np.isnan(value)
    assert abs(int(found[3, 3]) - 0.85 * 255) < 8


NOISE = np.random.default_rng(1).normal(0, 1, (80, 80))
BLANK = {
    "light": (60_000 + 64 * NOISE).astype(np.uint16),
    "dark": (200 + 20 * NOISE).astype(np.uint16),
    "black": np.clip(64 * NOISE, 0, None).astype(np.uint16),
    "few levels": (3 + NOISE).astype(np.uint16),
    "around zero": (64 * NOISE).astype(np.int16),
    "a thousandth": (1e-3 * NOISE).astype(np.float32),
    "unit": NOISE,
    "colours": (200 + 20 * np.dstack([NOISE, NOISE.T, NOISE[::-1]])).astype(np.uint16),
    "all the same": np.full((80, 80), 7.0),
    "no values": np.full((80, 80), np.nan),
    "infinite": np.full((80, 80), np.inf),
}


@pytest.mark.parametrize("values", BLANK.values(), ids=BLANK)
def test_noise_alone_stays_faint(values: np.ndarray) -> None:
    assert eight_bits(values, True).astype(float).std() < 7


def test_small_images_without_noise_keep_their_shades() -> None:
    strokes = np.zeros((20, 14), np.uint16)
    strokes[2:18, 5:9] = 255
    strokes[2:6, 2:12] = 128
    assert np.array_equal(eight_bits(strokes, True), strokes)
