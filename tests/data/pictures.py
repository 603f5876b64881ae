"""Folders of small pictures for tests."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from digitrec.spec import FolderSpec


def folder_spec(path: Path | str, **settings: Any) -> FolderSpec:
    defaults = {
        "height": "auto",
        "width": "auto",
        "colour": "auto",
        "test_share": 0.25,
        "seed": 0,
        "skip_damaged": False,
    }
    return FolderSpec.model_validate({"path": str(path), **defaults, **settings})


def picture(seed: int, height: int = 8, width: int = 10, channels: int = 3) -> np.ndarray:
    """Noise: no two are the same."""
    shape = (height, width, channels) if channels == 3 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path: Path, pixels: np.ndarray, **settings: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **settings)
    return path


def write_classes(folder: Path, counts: dict[str, int], **form: int) -> None:
    """Write so many PNGs into a folder for each class, all of them different."""
    for number, (name, count) in enumerate(counts.items()):
        for at in range(count):
            save(folder / name / f"{at:03}.png", picture(1000 * number + at, **form))
