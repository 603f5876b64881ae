"""Fashion-MNIST: 60,000 + 10,000 pictures of clothes in ten classes (Xiao et al., arXiv 1708.07747)."""

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch
from digitrec.data.idx import load_idx, md5_files
from digitrec.spec import DatasetSpec, ImageSpec

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
MIRRORS = ("https://fashion-mnist.s3.eu-central-1.amazonaws.com/",)
MD5_OF_FILES = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
SPEC = DatasetSpec(
    name="fashion_mnist",
    title="Fashion-MNIST: pictures of clothes, white on black",
    licence="MIT",
    image=ImageSpec(height=28, width=28, channels=1, classes=CLASSES, preparation="resize"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch and read the four files."""
    return ImageDataset(SPEC, *load_idx(fetch, md5_files(MIRRORS, MD5_OF_FILES)))
