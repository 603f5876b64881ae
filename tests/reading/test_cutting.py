from itertools import pairwise

import cv2
import numpy as np

from digitrec.reading.cutting import MOST_CUTS, cuts_of, part_of


def two_rings(overlap: int) -> np.ndarray:
    page = np.zeros((60, 120), np.uint8)
    cv2.ellipse(page, (30, 30), (18, 26), 0, 0, 360, 1, 5)
    cv2.ellipse(page, (71 - overlap, 30), (18, 26), 0, 0, 360, 1, 5)
    left, top, width, height = cv2.boundingRect(page)
    return page[top : top + height, left : left + width] > 0


def test_a_cut_goes_where_two_digits_touch() -> None:
    mask = two_rings(1)
    middles = [float(way.mean()) for way in cuts_of(mask, 52)]
    assert min(abs(middle - mask.shape[1] / 2) for middle in middles) <= 0.08 * 52


def test_parts_are_what_lies_between_cuts_and_nothing_is_lost() -> None:
    mask = two_rings(1)
    cuts = cuts_of(mask, 52)
    assert 1 <= len(cuts) <= MOST_CUTS
    ends = [None, *cuts, None]
    parts = [part_of(mask, left, right) for left, right in pairwise(ends)]
    assert np.array_equal(np.sum(parts, 0), mask)


def test_what_is_as_narrow_as_one_digit_is_not_cut() -> None:
    assert cuts_of(np.ones((50, 12), bool), 50) == []
