"""Fashion-MNIST: 60,000 + 10,000 pictures of clothes in ten classes (Xiao et al., arXiv 1708.07747)."""

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch, RemoteFile
from digitrec.data.idx import load_idx
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
# MD5 of each file, as published; SHA-256 of its content, from Debian's package dataset-fashion-mnist, whose content
# packed as in 2017 (`gzip -6`, the name and the time in the head) has these MD5 sums.
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte.gz": (
        "25c81989df183df01b3e8a0aad5dffbe",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte.gz": (
        "bef4ecab320f06d8554ea6380940ec79",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "bb300cfdad3c16e7a12a480ee83cd310",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
SPEC = DatasetSpec(
    name="fashion_mnist",
    title="Fashion-MNIST: pictures of clothes, white on black",
    licence="MIT",
    image=ImageSpec(height=28, width=28, channels=1, classes=CLASSES, preparation="resize"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch and read the four files."""
    files = [RemoteFile(name, MIRRORS, content, md5) for name, (md5, content) in CHECKSUMS.items()]
    return ImageDataset(SPEC, *load_idx(fetch, files))
