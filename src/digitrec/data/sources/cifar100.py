"""CIFAR-100: 50,000 + 10,000 colour photographs of 32x32 pixels in a hundred classes (Krizhevsky, 2009)."""

from digitrec.data.archives import read_members
from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch, RemoteFile
from digitrec.data.sources._cifar import MIRRORS, SIDE, parse_records
from digitrec.spec import DatasetSpec, ImageSpec

ARCHIVE = RemoteFile("cifar-100-binary.tar.gz", MIRRORS, md5_of_file="03b5dce01913d631647c71ecec9e9cb8")
MEMBERS = [f"cifar-100-binary/{name}" for name in ("train.bin", "test.bin", "fine_label_names.txt")]


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the binary archive and read its records, which have a coarse label and a fine one: the fine is taken."""
    train, test, names = read_members(fetch(ARCHIVE), MEMBERS)
    spec = DatasetSpec(
        name="cifar100",
        title="CIFAR-100: small colour photographs of animals, plants, people, vehicles and things",
        licence="unknown",
        image=ImageSpec(
            height=SIDE, width=SIDE, channels=3, classes=tuple(names.decode().split()), preparation="resize"
        ),
    )
    return ImageDataset(spec, *parse_records(train, 2, ARCHIVE.name), *parse_records(test, 2, ARCHIVE.name))
