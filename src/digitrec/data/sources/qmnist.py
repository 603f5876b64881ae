"""QMNIST: MNIST's 60,000 training digits, rebuilt, and all 60,000 test digits (Yadav and Bottou, arXiv 1905.10498)."""

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch
from digitrec.data.idx import load_idx, md5_files
from digitrec.spec import DatasetSpec, ImageSpec

MIRRORS = ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",)
MD5_OF_FILES = {
    "qmnist-train-images-idx3-ubyte.gz": "ed72d4157d28c017586c42bc6afe6370",
    "qmnist-train-labels-idx2-int.gz": "0058f8dd561b90ffdd0f734c6a30e5e4",
    "qmnist-test-images-idx3-ubyte.gz": "1394631089c404de565df7b7aeaf9412",
    "qmnist-test-labels-idx2-int.gz": "5b5b05890a5e13444e108efe57b788aa",
}
SPEC = DatasetSpec(
    name="qmnist",
    title="QMNIST: handwritten digits, white on black",
    licence="BSD 3-Clause",
    image=ImageSpec(height=28, width=28, channels=1, classes=tuple("0123456789"), preparation="mnist"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch and read the four files; the label is the first of eight columns."""
    train_images, train_labels, test_images, test_labels = load_idx(fetch, md5_files(MIRRORS, MD5_OF_FILES))
    return ImageDataset(SPEC, train_images, train_labels[:, 0], test_images, test_labels[:, 0])
