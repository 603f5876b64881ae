"""USPS: 7,291 + 2,007 digits of zip codes, 16x16 pixels (Hull, 1994), in LIBSVM's form."""

import numpy as np

from digitrec.data.archives import open_unpacked
from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch, RemoteFile
from digitrec.data.idx import md5_files
from digitrec.spec import DatasetSpec, ImageSpec

MIRRORS = ("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/",)
MD5_OF_FILES = {
    "usps.bz2": "ec16c51db3855ca6c91edd34d0e9b197",
    "usps.t.bz2": "8ea070ee2aca1ac39742fdd1ef5ed118",
}
SIDE = 16
SPEC = DatasetSpec(
    name="usps",
    title="USPS: handwritten digits of zip codes, white on black",
    licence="unknown",
    image=ImageSpec(height=SIDE, width=SIDE, channels=1, classes=tuple("0123456789"), preparation="mnist"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch and read the two files of text."""
    train, test = md5_files(MIRRORS, MD5_OF_FILES)
    return ImageDataset(SPEC, *_read(fetch, train), *_read(fetch, test))


def _read(fetch: Fetch, file: RemoteFile) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_svmlight_file

    # Pixels from -1, black, to 1; labels count from 1.
    with open_unpacked(fetch(file)) as text:
        pixels, labels = load_svmlight_file(text, n_features=SIDE * SIDE, zero_based=False)
    images = np.rint((pixels.toarray() + 1) * (255 / 2)).astype(np.uint8)
    return images.reshape(-1, SIDE, SIDE, 1), (labels - 1).astype(np.uint8)
