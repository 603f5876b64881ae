"""Kuzushiji-MNIST: 60,000 + 10,000 cursive Japanese characters in ten classes (Clanuwat et al., arXiv 1812.01718)."""

from digitrec.idx import Fetch, ImageDataset, load_idx, torchvision_files


def load(fetch: Fetch) -> ImageDataset:
    """Fetch and read the four files that torchvision names."""
    from torchvision.datasets import KMNIST

    return load_idx(fetch, torchvision_files(KMNIST))
