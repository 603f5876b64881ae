"""SEMEION: 1,593 handwritten digits of some 80 people, 16x16 pixels, black or white (doi 10.24432/C5SC8V).

A fifth of each class is held out for the test: there is no published split.
"""

import numpy as np

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch, RemoteFile
from digitrec.data.sources._held_out import hold_out
from digitrec.spec import DatasetSpec, ImageSpec

FILE = RemoteFile(
    "semeion.data",
    ("https://archive.ics.uci.edu/ml/machine-learning-databases/semeion/",),
    md5_of_file="cb545d371d2ce14ec121470795a77432",
)
SIDE = 16
SPEC = DatasetSpec(
    name="semeion",
    title="SEMEION: handwritten digits, white on black",
    licence="CC BY 4.0",
    image=ImageSpec(height=SIDE, width=SIDE, channels=1, classes=tuple("0123456789"), preparation="mnist"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the file, in which a line has a digit's 256 pixels, 1 = ink, and a 1 in the column of its class."""
    table = np.loadtxt(fetch(FILE))
    images = (table[:, : SIDE * SIDE] * 255).astype(np.uint8).reshape(-1, SIDE, SIDE, 1)
    labels = table[:, SIDE * SIDE :].argmax(1).astype(np.uint8)
    return ImageDataset(SPEC, *hold_out(images, labels, len(labels) // 5))
