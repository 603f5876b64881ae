import numpy as np
import pytest

from digitrec.reading.strokes import DIGITS, SIGNS, drawn_strokes, strokes_of

TABLES = {
    **SIGNS,
    **{f"{digit}, way {number}": way for digit, ways in DIGITS.items() for number, way in enumerate(ways)},
}


@pytest.mark.parametrize("name", TABLES)
def test_strokes_of_the_tables_stay_in_their_frame_and_are_drawn(name: str) -> None:
    strokes = strokes_of(TABLES[name])
    assert all(stroke.shape[1] == 2 and len(stroke) >= 2 for stroke in strokes)
    points = np.concatenate(strokes)
    assert points.min() >= -0.15
    assert points.max() <= 1.15

    cover = drawn_strokes(strokes, np.random.default_rng(0), height=40, pen=3)

    assert cover.dtype == np.float32
    assert cover.min() >= 0
    assert cover.max() > 0.9
