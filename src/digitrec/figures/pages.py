"""Pages with what was read of them, side by side."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from digitrec.pipeline.files import read_array, read_json, replacing

# Pages beside each other, and the size of one in pixels.
COLUMNS, CELL = 6, (320, 240)
# Paper as it is photographed does not pack well without loss.
QUALITY = 80


def save_pages(folder: Path, path: Path) -> None:
    """Draw the pages that stage `read-pages` kept in a folder, and save the picture."""
    kinds = read_json(folder / "kinds.json")
    pages = {kind: read_array(folder / f"{number}.npy") for number, kind in enumerate(kinds)}
    with replacing(path) as temporary:
        temporary.write_bytes(pages_picture(pages))


def pages_picture(pages: Mapping[str, np.ndarray]) -> bytes:
    """Put pages beside each other, each over its name.

    Parameters
    ----------
    pages : mapping of str to array
        By name, uint8 of shape (height, width, 3), any size.

    Returns
    -------
    bytes
        JPEG; one empty cell where there are no pages.
    """
    cells = [_cell(picture, name) for name, picture in pages.items()]
    blank = np.full((CELL[1], CELL[0], 3), 255, np.uint8)
    cells += [blank] * (-len(cells) % COLUMNS)
    sheet = np.vstack([np.hstack(cells[k : k + COLUMNS]) for k in range(0, len(cells), COLUMNS)] or [blank])
    return cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def _cell(picture: np.ndarray, name: str) -> np.ndarray:
    """Bring a page to a cell's size, its name under it."""
    width, height = CELL
    factor = min((width - 8) / picture.shape[1], (height - 24) / picture.shape[0])
    size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    cell = np.full((height, width, 3), 255, np.uint8)
    cell[4 : 4 + size[1], 4 : 4 + size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    cv2.putText(cell, name, (6, height - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (60, 60, 60), 1, cv2.LINE_AA)
    return cell
