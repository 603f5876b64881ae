"""CIFAR-10: 50,000 + 10,000 colour photographs of 32x32 pixels in ten classes (Krizhevsky, 2009)."""

from digitrec.data.archives import read_members
from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch, RemoteFile
from digitrec.data.sources._cifar import MIRRORS, SIDE, parse_records
from digitrec.spec import DatasetSpec, ImageSpec

ARCHIVE = RemoteFile("cifar-10-binary.tar.gz", MIRRORS, md5_of_file="c32a1d4ab5d03f1284b67883e8d87530")
TRAIN = [f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6)]
TEST = "cifar-10-batches-bin/test_batch.bin"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SPEC = DatasetSpec(
    name="cifar10",
    title="CIFAR-10: small colour photographs of vehicles and animals",
    licence="unknown",
    image=ImageSpec(height=SIDE, width=SIDE, channels=3, classes=CLASSES, preparation="resize"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the binary archive and read its records, which have one label each."""
    *train, test = read_members(fetch(ARCHIVE), [*TRAIN, TEST])
    return ImageDataset(SPEC, *parse_records(b"".join(train), 1, ARCHIVE.name), *parse_records(test, 1, ARCHIVE.name))
