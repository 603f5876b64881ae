"""MNIST's original files, as stage `download` finds them."""

from pathlib import Path

from digitrec.datasets import mnist
from digitrec.downloads import Fetcher, sources_from_environment
from digitrec.idx import ImageDataset


def fetcher(root: Path) -> Fetcher:
    """Look in $DIGITREC_MIRROR, then in `shared/mnist` beside the project, then at the mirrors."""
    return Fetcher(sources_from_environment(root.parent / "shared/mnist"), root / "data/cache/downloads")


def load_mnist(root: Path) -> ImageDataset:
    """Read them."""
    return mnist.load(fetcher(root))
