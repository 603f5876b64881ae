"""SVHN, cropped: 73,257 + 26,032 digits of house numbers, 32x32 pixels in colour (Netzer et al., 2011)."""

import numpy as np

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch, RemoteFile
from digitrec.data.idx import md5_files
from digitrec.spec import DatasetSpec, ImageSpec

MIRRORS = ("https://ufldl.stanford.edu/housenumbers/",)
MD5_OF_FILES = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}
SPEC = DatasetSpec(
    name="svhn",
    title="Street View House Numbers: digits in colour photographs",
    licence="non-commercial use only",
    image=ImageSpec(height=32, width=32, channels=3, classes=tuple("0123456789"), preparation="resize"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch and read the two files of MATLAB arrays."""
    train, test = md5_files(MIRRORS, MD5_OF_FILES)
    return ImageDataset(SPEC, *_read(fetch, train), *_read(fetch, test))


def _read(fetch: Fetch, file: RemoteFile) -> tuple[np.ndarray, np.ndarray]:
    from scipy.io import loadmat

    arrays = loadmat(fetch(file), variable_names=("X", "y"))
    # Class 10 is the digit 0.
    return arrays["X"].transpose(3, 0, 1, 2), (arrays["y"].ravel() % 10).astype(np.uint8)
