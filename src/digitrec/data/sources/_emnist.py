"""EMNIST's one archive, which holds each of its splits (Cohen et al., arXiv 1702.05373)."""

import gzip
import zipfile
from string import ascii_uppercase, digits

import numpy as np

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch, RemoteFile
from digitrec.data.idx import parse_idx
from digitrec.spec import DatasetSpec, ImageSpec

ARCHIVE = RemoteFile(
    "gzip.zip", ("https://biometrics.nist.gov/cs_links/EMNIST/",), md5_of_file="58c8d27c78d21e728a6bc7b3cc06412e"
)
# Of 62 classes, small letters that look like large ones are in the class of the large one.
MERGED = tuple(digits + ascii_uppercase + "abdefghnqrt")


def load_split(fetch: Fetch, split: str, title: str, classes: tuple[str, ...], first_label: int = 0) -> ImageDataset:
    """Fetch the archive and read one split, whose labels count from `first_label`."""
    arrays: list[np.ndarray] = []
    with zipfile.ZipFile(fetch(ARCHIVE)) as members:
        for part in ("train", "test"):
            # Images lie on their side.
            arrays.append(_read(members, split, f"{part}-images-idx3").transpose(0, 2, 1)[..., None])
            arrays.append(_read(members, split, f"{part}-labels-idx1") - np.uint8(first_label))
    spec = DatasetSpec(
        name=f"emnist_{split}",
        title=f"EMNIST {title}, white on black",
        licence="unknown",
        image=ImageSpec(height=28, width=28, channels=1, classes=classes, preparation="mnist"),
    )
    return ImageDataset(spec, *arrays)


def _read(members: zipfile.ZipFile, split: str, kind: str) -> np.ndarray:
    name = f"gzip/emnist-{split}-{kind}-ubyte.gz"
    return parse_idx(gzip.decompress(members.read(name)), name)
