"""MNIST's original files, as stage `download` finds them."""

from pathlib import Path

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetcher
from digitrec.data.sources import mnist
from digitrec.pipeline.environment import mirror_from_environment


def fetcher(root: Path) -> Fetcher:
    """Look in $DIGITREC_MIRROR, then at the mirrors."""
    mirror = mirror_from_environment()
    return Fetcher([mirror] if mirror else [], root / "data/cache/downloads")


def load_mnist(root: Path) -> ImageDataset:
    """Read them."""
    return mnist.load(fetcher(root))
