"""EMNIST, balanced: 112,800 + 18,800 digits and letters in 47 classes (Cohen et al., arXiv 1702.05373).

Small letters that look like large ones are in the class of the large one.
"""

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch
from digitrec.data.sources._emnist import MERGED, load_split


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the archive of all EMNIST and read the balanced split."""
    return load_split(fetch, "balanced", "Balanced: handwritten digits and letters", MERGED)
