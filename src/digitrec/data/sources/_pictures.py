"""Sets that were published as zip files of pictures."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from digitrec.pipeline.progress import progress_bar
from digitrec.reading.resizing import fit_picture
from digitrec.spec import ImageSpec

FORMATS = ("JPEG", "PPM")


def list_pictures(archive: Path, suffix: str) -> list[str]:
    """Give the paths in a zip file that end so, sorted."""
    with zipfile.ZipFile(archive) as members:
        return sorted(name for name in members.namelist() if name.endswith(suffix))


def read_pictures(archive: Path, names: Sequence[str], image: ImageSpec) -> np.ndarray:
    """Read colour pictures of a zip file.

    Parameters
    ----------
    archive : Path
        The zip file.
    names : sequence of str
        Paths inside it.
    image : ImageSpec
        The form that they are brought to.

    Returns
    -------
    array
        uint8 of shape (n, height, width, channels).
    """
    images = np.empty((len(names), *image.shape), np.uint8)
    with zipfile.ZipFile(archive) as members, progress_bar(len(names), archive.name, leave=False) as bar:
        for row, name in enumerate(names):
            with members.open(name) as file, Image.open(file, formats=FORMATS) as picture:
                images[row] = fit_picture(np.asarray(picture.convert("RGB")), image)
            bar.update(1)
    return images
