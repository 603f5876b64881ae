"""EMNIST, by class: 697,932 + 116,323 digits, large and small letters in 62 classes (Cohen et al., arXiv 1702.05373).

Classes are as frequent as on the forms.
"""

from string import ascii_lowercase, ascii_uppercase, digits

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch
from digitrec.data.sources._emnist import load_split

CLASSES = tuple(digits + ascii_uppercase + ascii_lowercase)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the archive of all EMNIST and read the split by class."""
    return load_split(fetch, "byclass", "By Class: handwritten digits and letters", CLASSES)
