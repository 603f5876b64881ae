"""QMNIST: MNIST's 60,000 training digits, rebuilt, and all 60,000 test digits (Yadav and Bottou, arXiv 1905.10498)."""

from digitrec.downloads import RemoteFile
from digitrec.idx import Fetch, ImageDataset, load_idx


def load(fetch: Fetch) -> ImageDataset:
    """Fetch and read the four files that torchvision names; the label is the first of eight columns."""
    from torchvision.datasets import QMNIST

    files = []
    for url, md5 in [*QMNIST.resources["train"], *QMNIST.resources["test"]]:
        folder, name = url.rsplit("/", 1)
        files.append(RemoteFile(name, (folder,), md5_of_file=md5))
    train_images, train_labels, test_images, test_labels = load_idx(fetch, tuple(files))
    return ImageDataset(train_images, train_labels[:, 0], test_images, test_labels[:, 0])
