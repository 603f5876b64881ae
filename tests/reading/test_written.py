import cv2
import numpy as np
import pytest

from digitrec.reading.marks import Mark, Reading, moved
from digitrec.reading.written import turned


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_boxes_of_a_turned_page_cover_their_ink_and_no_more(angle: float) -> None:
    ink = np.zeros((60, 41), np.float32)
    ink[12:30, 5:14] = 1
    upright, matrix = turned(ink, angle)
    left, top, width, height = cv2.boundingRect((upright > 0).astype(np.uint8))
    mark = Mark(upright, (left, top, left + width, top + height), np.ones(10))
    reading = moved(Reading([[mark]]), cv2.invertAffineTransform(matrix), ink.shape)
    assert reading.digits[0].box == (5, 12, 14, 30)
