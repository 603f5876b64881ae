"""A folder of pictures, read: their classes, their form, what is damaged, and which are for the test."""

import math
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digitrec.data.folder_listing import Listing, list_folder
from digitrec.data.folder_reading import Rows, choose_form, make_rows, read_pictures, survey
from digitrec.data.folder_split import held_out, places
from digitrec.errors import DataError
from digitrec.pipeline.environment import jobs_from_environment
from digitrec.spec import FolderSpec, ImageSpec


@dataclass(frozen=True)
class Reading:
    """A folder whose pictures have all been opened.

    Parameters
    ----------
    folder : FolderSpec
        How it was to be read.
    listing : Listing
        What it holds; what is of shape (n,) below is in the order of its pictures.
    classes : list of str
        Their names, sorted.
    labels : array
        int64 of shape (n,), from 0 to classes - 1.
    headers : Counter
        How many pictures have each height, width and whether they are in colour.
    image : ImageSpec, optional
        The form of the images; none where there are fewer than two classes, or no picture can be opened.
    rows : Rows, optional
        The images, if they were to be kept.
    contents : list of bytes
        A hash of each file's bytes, the same for pictures with the same pixels; empty for one that is damaged.
    digests : list of bytes
        A hash of the pixels of each; empty for one that is damaged.
    damaged : dict
        By number, what is wrong with those that are.
    in_train, in_test : array
        Boolean of shape (n,); neither for one that is damaged.
    """

    folder: FolderSpec
    listing: Listing
    classes: list[str]
    labels: np.ndarray
    headers: Counter[tuple[int, int, bool]]
    image: ImageSpec | None
    rows: Rows | None
    contents: list[bytes]
    digests: list[bytes]
    damaged: dict[int, str]
    in_train: np.ndarray
    in_test: np.ndarray

    def count(self, part: np.ndarray) -> np.ndarray:
        """Count the pictures of each class in a part of them, such as `in_train`."""
        return np.bincount(self.labels[part], minlength=len(self.classes))

    def order(self, part: np.ndarray) -> np.ndarray:
        """Give the numbers of the pictures in a part of them, in random order."""
        numbers = np.argsort(places(self.contents, self.folder.seed), kind="stable")
        return numbers[part[numbers]]


def read_folder(folder: FolderSpec, root: Path, keep: Path | None = None) -> Reading:
    """Open and decode all pictures of a folder.

    Parameters
    ----------
    folder : FolderSpec
        The folder, and how it is to be read.
    root : Path
        What the folder's path is relative to.
    keep : Path, optional
        An .npy file that the images are written to, in the order of their paths.

    Raises
    ------
    DataError
        When there is no such folder, or no room for images of the size that is asked for.
    DigitrecError
        When a process that was reading pictures was killed.
    """
    base, jobs = root / folder.path, jobs_from_environment()
    listing = list_folder(base)
    paths = [picture.path for picture in listing.pictures]
    classes = sorted({picture.label for picture in listing.pictures})
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[picture.label] for picture in listing.pictures], np.int64)
    headers = survey(base, paths, jobs)
    image = None
    if headers and len(classes) > 1:
        height, width, channels = choose_form(folder, headers)
        image = ImageSpec(height=height, width=width, channels=channels, classes=tuple(classes), preparation="resize")
    if keep and image:
        _demand_room(len(paths), image, keep.parent)
    rows = make_rows(keep, len(paths), image) if keep and image else None
    contents, digests, damaged = read_pictures(base, paths, image, rows, jobs)
    whole = np.array([bool(digest) for digest in digests], bool)
    in_test = np.zeros(len(paths), bool)
    if listing.parted:
        in_test[:] = [picture.part == "test" for picture in listing.pictures]
    else:
        in_test[whole] = held_out(labels[whole], places(contents, folder.seed)[whole], folder.test_share)
    return Reading(
        folder,
        listing,
        classes,
        labels,
        headers,
        image,
        rows,
        contents,
        digests,
        damaged,
        whole & ~in_test,
        whole & in_test,
    )


def _demand_room(n: int, image: ImageSpec, folder: Path) -> None:
    """Refuse what the disk cannot hold: all images, and both parts of them, here and as the stage's output."""
    needed, free = 3 * n * math.prod(image.shape), shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{n:,} pictures as {image} take {needed / 1e9:,.1f} GB while they are read, and {folder.resolve()} has "
            f"{free / 1e9:,.1f} GB free; give a smaller height and width in section `folder` of params.yaml, or make "
            "room"
        )
