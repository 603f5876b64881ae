"""MNIST: 60,000 + 10,000 handwritten digits (LeCun, Cortes, Burges; yann.lecun.com/exdb/mnist)."""

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch, RemoteFile
from digitrec.data.idx import load_idx
from digitrec.spec import DatasetSpec, ImageSpec

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SHA256_OF_CONTENT = {
    "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
SPEC = DatasetSpec(
    name="mnist",
    title="MNIST: handwritten digits, white on black",
    licence="CC BY-SA 3.0",
    image=ImageSpec(height=28, width=28, channels=1, classes=tuple("0123456789"), preparation="mnist"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch and read the four original files."""
    files = [RemoteFile(name, MIRRORS, digest) for name, digest in SHA256_OF_CONTENT.items()]
    return ImageDataset(SPEC, *load_idx(fetch, files))
