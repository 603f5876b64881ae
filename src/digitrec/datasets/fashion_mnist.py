"""Fashion-MNIST: 60,000 + 10,000 pictures of clothes in ten classes (Xiao et al., arXiv 1708.07747)."""

from digitrec.idx import Fetch, ImageDataset, load_idx, torchvision_files


def load(fetch: Fetch) -> ImageDataset:
    """Fetch and read the four files that torchvision names."""
    from torchvision.datasets import FashionMNIST

    return load_idx(fetch, torchvision_files(FashionMNIST))
