"""EMNIST, by merge: 697,932 + 116,323 digits and letters in 47 classes (Cohen et al., arXiv 1702.05373).

The classes are those of the balanced split; these are as frequent as on the forms.
"""

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch
from digitrec.data.sources._emnist import MERGED, load_split


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the archive of all EMNIST and read the split by merged classes."""
    return load_split(fetch, "bymerge", "By Merge: handwritten digits and letters", MERGED)
