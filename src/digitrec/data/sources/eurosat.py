"""EuroSAT: 27,000 satellite pictures of land, 64x64 pixels in colour, in ten classes (Helber et al., 2019).

A fifth of each class is held out for the test: there is no published split.
"""

import numpy as np

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch, RemoteFile
from digitrec.data.sources._held_out import hold_out
from digitrec.data.sources._pictures import list_pictures, read_pictures
from digitrec.spec import DatasetSpec, ImageSpec

ARCHIVE = RemoteFile(
    "EuroSAT.zip",
    ("https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/",),
    md5_of_file="c8fa014336c82ac7804f0398fcb19387",
)
CLASSES = (
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
)
SPEC = DatasetSpec(
    name="eurosat",
    title="EuroSAT: satellite pictures of land in colour",
    licence="MIT",
    image=ImageSpec(height=64, width=64, channels=3, classes=CLASSES, preparation="resize"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the archive, in which each class is a folder of JPEGs, and split its pictures."""
    path = fetch(ARCHIVE)
    names = list_pictures(path, ".jpg")
    labels = np.array([CLASSES.index(name.split("/")[-2]) for name in names], np.uint8)
    return ImageDataset(SPEC, *hold_out(read_pictures(path, names, SPEC.image), labels, len(names) // 5))
