"""GTSRB: 26,640 + 12,630 colour photographs of German traffic signs in 43 classes (Stallkamp et al., 2012).

They have 15 to 250 pixels a side and are brought to 32. Thirty in a row show one sign on the way past it.
"""

import csv
import io
import zipfile

import numpy as np

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch
from digitrec.data.idx import md5_files
from digitrec.data.sources._pictures import list_pictures, read_pictures
from digitrec.spec import DatasetSpec, ImageSpec

MIRRORS = ("https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/",)
MD5_OF_FILES = {
    "GTSRB-Training_fixed.zip": "513f3c79a4c5141765e10e952eaa2478",
    "GTSRB_Final_Test_Images.zip": "c7e4e6327067d32654124b0fe9e82185",
    "GTSRB_Final_Test_GT.zip": "fe31e9c9270bbcd7b84b7f21a9d9d9e5",
}
TRAIN, TEST, TEST_LABELS = "GTSRB/Training/", "GTSRB/Final_Test/Images/", "GT-final_test.csv"
CLASSES = (
    "speed limit 20",
    "speed limit 30",
    "speed limit 50",
    "speed limit 60",
    "speed limit 70",
    "speed limit 80",
    "end of speed limit 80",
    "speed limit 100",
    "speed limit 120",
    "no passing",
    "no passing for trucks",
    "right of way at the next crossing",
    "priority road",
    "yield",
    "stop",
    "no vehicles",
    "no trucks",
    "no entry",
    "danger",
    "curve to the left",
    "curve to the right",
    "double curve",
    "bumpy road",
    "slippery road",
    "road narrows on the right",
    "road works",
    "traffic lights",
    "pedestrians",
    "children",
    "bicycles",
    "ice or snow",
    "wild animals",
    "end of all limits",
    "turn right ahead",
    "turn left ahead",
    "ahead only",
    "straight on or right",
    "straight on or left",
    "keep right",
    "keep left",
    "roundabout",
    "end of no passing",
    "end of no passing for trucks",
)
SPEC = DatasetSpec(
    name="gtsrb",
    title="GTSRB: colour photographs of German traffic signs",
    licence="unknown",
    image=ImageSpec(height=32, width=32, channels=3, classes=CLASSES, preparation="resize"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Fetch the three archives; training pictures lie in a folder a class, those of the test in a table."""
    train, test, table = (fetch(file) for file in md5_files(MIRRORS, MD5_OF_FILES))
    names = list_pictures(train, ".ppm")
    labels = [int(name.removeprefix(TRAIN).split("/")[0]) for name in names]
    # They are published class by class.
    order = np.random.default_rng(0).permutation(len(names))
    train_images = read_pictures(train, [names[number] for number in order], SPEC.image)
    with zipfile.ZipFile(table) as members:
        rows = list(csv.DictReader(io.StringIO(members.read(TEST_LABELS).decode()), delimiter=";"))
    test_images = read_pictures(test, [TEST + row["Filename"] for row in rows], SPEC.image)
    test_labels = [int(row["ClassId"]) for row in rows]
    return ImageDataset(
        SPEC, train_images, np.array(labels, np.uint8)[order], test_images, np.array(test_labels, np.uint8)
    )
