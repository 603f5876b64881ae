"""A folder of one's own pictures."""

import shutil
from pathlib import Path

import numpy as np

from digitrec.data.dataset import ImageDataset
from digitrec.data.folder import read_folder
from digitrec.data.folder_reading import Rows, make_rows
from digitrec.data.folder_report import report_on
from digitrec.errors import DataError
from digitrec.pipeline.files import read_array
from digitrec.spec import DatasetSpec, FolderSpec, ImageSpec

CHUNK = 1000


def load(root: Path, folder: FolderSpec, least: int, scratch: Path, valid_fraction: float = 0.0) -> ImageDataset:
    """Read all pictures of a folder and split them; what was found is printed.

    Parameters
    ----------
    root : Path
        What the folder's path is relative to.
    folder : FolderSpec
        The folder, and how it is to be read.
    least : int
        Pictures of each class that training needs: as many as the search has folds.
    scratch : Path
        A folder for files while this goes on, which is removed. The images that come back are mapped from files that
        have no name any more, and go when the arrays do.
    valid_fraction : float
        Share of the pictures that the final training holds out.

    Raises
    ------
    DataError
        Naming everything that keeps the folder from being used.
    DigitrecError
        When a process that was reading pictures was killed.
    """
    # What a process left behind that was killed.
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        reading = read_folder(folder, root, scratch / "all.npy")
        report = report_on(reading, least, valid_fraction)
        if report.fatal or not (reading.image and reading.rows):
            raise DataError(report.text())
        print(report.text(), flush=True)
        spec = DatasetSpec(
            name=(name := (root / folder.path).resolve().name),
            title=f"pictures in the folder {name}",
            licence="unknown",
            image=reading.image,
        )
        arrays = []
        for part, chosen in (("train", reading.in_train), ("test", reading.in_test)):
            numbers = reading.order(chosen)
            arrays += [_gather(reading.rows, numbers, scratch / f"{part}.npy", reading.image), reading.labels[numbers]]
        return ImageDataset(spec, *arrays)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _gather(rows: Rows, numbers: np.ndarray, path: Path, image: ImageSpec) -> np.ndarray:
    images = read_array(rows.path)
    gathered = make_rows(path, len(numbers), image)
    for start in range(0, len(numbers), CHUNK):
        gathered.write(start, images[numbers[start : start + CHUNK]])
    return read_array(path)
