"""The command as a process of its own, what it is given to answer, and the memory that it takes."""

import io
import sys
from collections.abc import Sequence

import numpy as np
import psutil
from PIL import Image

DIGITREC = (sys.executable, "-c", "from digitrec.cli import main; main()")


def png(image: np.ndarray) -> bytes:
    """Save an image of a dataset, uint8 of shape (height, width, channels)."""
    content = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(content, "png")
    return content.getvalue()


def own_megabytes(family: Sequence[psutil.Process]) -> float:
    """Give the memory of processes that no file backs."""
    found = [each.memory_info() for each in family]
    return sum(each.rss - each.shared for each in found) / 1e6
