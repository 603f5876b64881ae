"""EMNIST, the digits: 240,000 + 40,000 (Cohen et al., arXiv 1702.05373)."""

import gzip
import zipfile

from digitrec.downloads import RemoteFile
from digitrec.idx import Fetch, ImageDataset, parse_idx


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the one archive that torchvision names and read the digits; its images lie on their side."""
    from torchvision.datasets import EMNIST

    folder, name = EMNIST.url.rsplit("/", 1)
    archive = fetch(RemoteFile(name, (folder,), md5_of_file=EMNIST.md5))
    parts = []
    with zipfile.ZipFile(archive) as members:
        for part in ("train", "test"):
            for kind in ("images-idx3", "labels-idx1"):
                member = f"gzip/emnist-digits-{part}-{kind}-ubyte.gz"
                parts.append(parse_idx(gzip.decompress(members.read(member)), member))
    train_images, train_labels, test_images, test_labels = parts
    return ImageDataset(train_images.transpose(0, 2, 1), train_labels, test_images.transpose(0, 2, 1), test_labels)
