"""Kuzushiji-MNIST: 60,000 + 10,000 cursive Japanese characters in ten classes (Clanuwat et al., arXiv 1812.01718)."""

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch
from digitrec.data.idx import load_idx, md5_files
from digitrec.spec import DatasetSpec, ImageSpec

# The syllables that the characters stand for, in letters that every font has.
CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
MIRRORS = ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
MD5_OF_FILES = {
    "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
    "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
    "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
    "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
}
SPEC = DatasetSpec(
    name="kmnist",
    title="Kuzushiji-MNIST: cursive Japanese characters, white on black",
    licence="CC BY-SA 4.0",
    image=ImageSpec(height=28, width=28, channels=1, classes=CLASSES, preparation="mnist"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch and read the four files."""
    return ImageDataset(SPEC, *load_idx(fetch, md5_files(MIRRORS, MD5_OF_FILES)))
