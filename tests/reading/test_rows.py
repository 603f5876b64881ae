import numpy as np
import pytest

from digitrec.reading.rows import rows_of, slope_of


def boxes(n_rows: int, n_columns: int, slope: float = 0, wave: float = 0, gap: int = 0) -> np.ndarray:
    """Boxes 20 wide and 30 high, in rows from top to bottom."""
    found = []
    for row in range(n_rows):
        for column in range(n_columns):
            x = 35 * column + (gap if column >= n_columns / 2 else 0)
            y = 70 * row + slope * x + wave * np.sin(x / 60)
            found.append([x, y, x + 20, y + 30])
    return np.array(found, float)


@pytest.mark.parametrize("slope", [-0.3, -0.1, 0.0, 0.1, 0.3])
@pytest.mark.parametrize("wave", [0, 10])
def test_rows_that_slant_and_wave_are_told_apart(slope: float, wave: float) -> None:
    found = rows_of(boxes(4, 8, slope, wave), 30)
    assert found == [list(range(8 * row, 8 * row + 8)) for row in range(4)]


def test_groups_with_a_wide_gap_are_one_row() -> None:
    assert rows_of(boxes(3, 8, 0.05, gap=300), 30) == [list(range(8 * row, 8 * row + 8)) for row in range(3)]


def test_the_order_of_boxes_does_not_matter() -> None:
    given = boxes(3, 6)
    order = np.random.default_rng(0).permutation(len(given))
    found = rows_of(given[order], 30)
    assert [[int(order[number]) for number in row] for row in found] == [
        list(range(6 * k, 6 * k + 6)) for k in range(3)
    ]


def test_a_small_box_and_one_that_lies_off_belong_to_their_row() -> None:
    given = boxes(2, 6)
    given[2, 1] += 16
    given[9, 1] -= 12
    assert rows_of(given, 30) == [list(range(6)), list(range(6, 12))]


def test_single_boxes_one_under_the_other_are_rows_of_their_own() -> None:
    assert rows_of(boxes(4, 1), 30) == [[0], [1], [2], [3]]


def test_no_boxes_are_no_rows() -> None:
    assert rows_of(np.zeros((0, 4)), 30) == []
    assert slope_of(np.zeros((0, 4)), 30) == 0


def test_five_thousand_boxes_are_grouped_by_looking_at_neighbours_alone() -> None:
    given = boxes(70, 70)
    assert len(rows_of(given, 30)) == 70
