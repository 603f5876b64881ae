"""EMNIST, the letters: 124,800 + 20,800, large and small ones in one class (Cohen et al., arXiv 1702.05373)."""

from string import ascii_uppercase

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch
from digitrec.data.sources._emnist import load_split


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the archive of all EMNIST and read the letters, whose labels count from 1."""
    return load_split(fetch, "letters", "Letters: handwritten letters", tuple(ascii_uppercase), first_label=1)
