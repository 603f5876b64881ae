"""EMNIST, the digits: 240,000 + 40,000 (Cohen et al., arXiv 1702.05373)."""

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch
from digitrec.data.sources._emnist import load_split


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the archive of all EMNIST and read the digits."""
    return load_split(fetch, "digits", "Digits: handwritten digits", tuple("0123456789"))
