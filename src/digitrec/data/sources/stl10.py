"""STL-10: 5,000 + 8,000 colour photographs of 96x96 pixels in ten classes (Coates, Ng and Lee, AISTATS 2011).

Of its archive of 2.6 GB, the 100,000 pictures without labels are passed over.
"""

import numpy as np

from digitrec.data.archives import read_members
from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch, RemoteFile
from digitrec.spec import DatasetSpec, ImageSpec

ARCHIVE = RemoteFile(
    "stl10_binary.tar.gz", ("https://ai.stanford.edu/~acoates/stl10/",), md5_of_file="91f7769df0f17e558f3565bffb0c7dfb"
)
MEMBERS = [f"stl10_binary/{part}_{kind}.bin" for part in ("train", "test") for kind in "Xy"]
SIDE = 96
CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
SPEC = DatasetSpec(
    name="stl10",
    title="STL-10: colour photographs of vehicles and animals",
    licence="unknown",
    image=ImageSpec(height=SIDE, width=SIDE, channels=3, classes=CLASSES, preparation="resize"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the archive and read its pictures with labels, which count from 1."""
    arrays = [np.frombuffer(content, np.uint8) for content in read_members(fetch(ARCHIVE), MEMBERS)]
    # Channel by channel, and each of them column by column.
    train, test = (pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 3, 2, 1) for pixels in arrays[::2])
    return ImageDataset(SPEC, train, arrays[1] - np.uint8(1), test, arrays[3] - np.uint8(1))
