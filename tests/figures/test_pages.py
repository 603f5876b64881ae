from pathlib import Path

import cv2
import numpy as np

from digitrec.figures.pages import CELL, COLUMNS, pages_picture, save_pages
from digitrec.pipeline.files import write_array, write_json


def _decoded(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def test_pages_of_any_shape_stand_side_by_side_in_their_order() -> None:
    red, blue = np.zeros((400, 90, 3), np.uint8), np.zeros((50, 700, 3), np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    pages = {"red": red} | {f"white {k}": np.full((9, 9, 3), 255, np.uint8) for k in range(5)} | {"blue": blue}
    sheet = _decoded(pages_picture(pages)).astype(int)
    assert sheet.shape == (2 * CELL[1], COLUMNS * CELL[0], 3)
    # JPEG is decoded as blue, green, red.
    reddish, bluish = (sheet[..., 2] > sheet[..., 0] + 100, sheet[..., 0] > sheet[..., 2] + 100)
    assert reddish[: CELL[1], : CELL[0]].sum() > 5000
    assert bluish[CELL[1] :, : CELL[0]].sum() > 5000
    assert not reddish[:, CELL[0] :].any()
    assert not bluish[: CELL[1]].any()


def test_without_pages_the_picture_is_empty(tmp_path: Path) -> None:
    write_json(tmp_path / "kinds.json", [])
    save_pages(tmp_path, tmp_path / "pages.jpg")
    assert (_decoded((tmp_path / "pages.jpg").read_bytes()) == 255).all()


def test_what_the_stage_kept_is_drawn(tmp_path: Path) -> None:
    write_json(tmp_path / "kinds.json", ["line"])
    write_array(tmp_path / "0.npy", np.zeros((30, 40, 3), np.uint8))
    save_pages(tmp_path, tmp_path / "pages.jpg")
    assert (_decoded((tmp_path / "pages.jpg").read_bytes()) < 50).sum() > 10_000
