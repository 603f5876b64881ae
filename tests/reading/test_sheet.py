import cv2
import numpy as np
import pytest

from digitrec.reading.sheet import sheet_of_paper
from tests.drawing import ink_of


def sheet(size: tuple[int, int] = (140, 160)) -> np.ndarray:
    """A digit on white paper."""
    cover = ink_of(5, np.random.default_rng(5), 90, 9, size, (0.5, 0.5))
    return np.rint(230 - 200 * cover).astype(np.uint8)


def on_a_table(paper: np.ndarray, table: int = 70, turn: float = 0) -> np.ndarray:
    """Paper in the middle of a table."""
    height, width = paper.shape
    move = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1)
    move[:, 2] += 40
    size = (width + 80, height + 80)
    image = cv2.warpAffine(paper, move, size, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.full_like(paper, 255), move, size) > 127
    return np.where(inside, image, table).astype(np.uint8)


@pytest.mark.parametrize("turn", [0, 8, -15])
@pytest.mark.parametrize("negative", [False, True])
def test_a_sheet_is_cut_out_of_the_table(turn: float, negative: bool) -> None:
    image = on_a_table(sheet(), turn=turn)
    part, (left, top) = sheet_of_paper(255 - image if negative else image)
    part = 255 - part if negative else part
    assert abs(left - 40) < 35
    assert abs(top - 40) < 35
    # Nothing of the table is left, also in the corners; the digit is.
    assert np.median([part[0, 0], part[0, -1], part[-1, 0], part[-1, -1]]) > 220
    ink = part < 130
    assert ink.sum() == pytest.approx((sheet() < 130).sum(), rel=0.1)
    assert not ink[[0, -1]].any()
    assert not ink[:, [0, -1]].any()


def test_a_narrow_sheet_seen_at_an_angle_keeps_its_corners() -> None:
    paper, size = sheet((900, 150)), (1000, 300)
    whole = np.array([[0, 0], [900, 0], [900, 150], [0, 150]], np.float32)
    corners = np.array([[40, 60], [960, 90], [920, 240], [90, 210]], np.float32)
    move = cv2.getPerspectiveTransform(whole, corners)
    image = cv2.warpPerspective(paper, move, size, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpPerspective(np.full_like(paper, 255), move, size) > 127
    part, (left, _) = sheet_of_paper(np.where(inside, image, 60).astype(np.uint8))
    assert left < 90
    assert left + part.shape[1] > 910


def test_a_table_on_one_side_is_enough() -> None:
    image = np.hstack([sheet(), np.full((160, 30), 60, np.uint8)])
    part, corner = sheet_of_paper(image)
    assert corner == (0, 0)
    assert part.shape[0] == 160
    assert 130 <= part.shape[1] < 140


def test_a_page_without_a_table_is_none_nor_is_a_digit_or_a_blank_image() -> None:
    assert sheet_of_paper(sheet()) is None
    assert sheet_of_paper(np.full((100, 100), 200, np.uint8)) is None
    for thickness in (20, 45):
        zero = np.full((200, 160), 20, np.uint8)
        cv2.ellipse(zero, (80, 100), (50, 70), 0, 0, 360, 240, thickness)
        assert sheet_of_paper(zero) is None
        assert sheet_of_paper(255 - zero) is None


def test_a_soft_shadow_is_no_table_nor_is_a_hard_one_that_falls_on_the_writing() -> None:
    x = np.arange(140)
    for width, place in ((8, 100), (0.5, 70)):
        shadow = 0.55 + 0.45 / (1 + np.exp(np.clip((x - place) / width, -50, 50)))
        assert sheet_of_paper((sheet() * shadow).astype(np.uint8)) is None
