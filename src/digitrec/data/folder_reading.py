"""Opening the pictures of a folder, several at a time: what their headers say, and their pixels."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from digitrec.pipeline.jobs import side_by_side
from digitrec.pipeline.progress import progress_bar
from digitrec.reading.decoding import ImageError, decode_picture, read_stream
from digitrec.reading.opening import Header, read_header
from digitrec.reading.resizing import enough_pixels, fit_picture
from digitrec.spec import FolderSpec, ImageSpec

CHUNK = 50
# Of chunks: for fewer, to start a process takes longer than it saves.
WORTH_A_PROCESS = 4
# The longer side that is taken where none is asked for.
LARGEST_AUTO = 64
# Pictures that are looked at to choose size and colours; of more, as many from all over the folder.
MOST_HEADERS = 10_000


class Rows(NamedTuple):
    """An .npy file of images in which each process writes its own rows."""

    path: Path
    start: int
    shape: tuple[int, ...]

    def write(self, row: int, images: np.ndarray) -> None:
        """Write images from a row on. Not through a mapping, in which a full disk would end the process."""
        with open(self.path, "r+b") as file:
            file.seek(self.start + row * int(np.prod(self.shape)))
            file.write(np.ascontiguousarray(images).data)


def make_rows(path: Path, n: int, image: ImageSpec) -> Rows:
    """Make an .npy file for n images, all black."""
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (n, *image.shape))
    return Rows(path, int(array.offset), image.shape)


def survey(folder: Path, paths: list[str], jobs: int) -> Counter[tuple[int, int, bool]]:
    """Count the pictures of each height, width and whether in colour, as their headers say; not those without one.

    Of more than 10,000 pictures, every second, every third or so is looked at.
    """
    paths = paths[:: max(1, -(-len(paths) // MOST_HEADERS))]
    found: Counter[tuple[int, int, bool]] = Counter()
    for _, headers in _in_chunks(_read_headers, folder, paths, jobs, "headers"):
        found.update(header for header in headers if header)
    return found


def choose_form(folder: FolderSpec, found: Counter[tuple[int, int, bool]]) -> tuple[int, int, Literal[1, 3]]:
    """Choose height, width and channels: what is asked for, else the most common size, at most 64, with its shape kept.

    Parameters
    ----------
    folder : FolderSpec
        What is asked for.
    found : Counter
        As `survey` gives it, not empty.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    for (height, width, _), count in found.items():
        sizes[height, width] += count
    # Of those that are as common the smallest.
    height, width = min(sizes, key=lambda size: (-sizes[size], size))
    colour = any(is_colour for _, _, is_colour in found) if folder.colour == "auto" else folder.colour == "rgb"
    asked = folder.height, folder.width
    if asked == ("auto", "auto"):
        scale = min(1.0, LARGEST_AUTO / max(height, width))
    else:
        scale = max(side / own for side, own in zip(asked, (height, width), strict=True) if side != "auto")
    form = [
        max(1, round(own * scale)) if side == "auto" else side for side, own in zip(asked, (height, width), strict=True)
    ]
    return form[0], form[1], 3 if colour else 1


def read_pictures(
    folder: Path, paths: list[str], image: ImageSpec | None, rows: Rows | None, jobs: int
) -> tuple[list[bytes], list[bytes], dict[int, str]]:
    """Decode all pictures.

    Parameters
    ----------
    folder : Path
        That holds them.
    paths : list of str
        Relative to it.
    image : ImageSpec, optional
        The form that they are to have, which tells how finely a large JPEG is decoded.
    rows : Rows, optional
        Where each is written, in that form, as the row of its number; one that is damaged is left black.
    jobs : int
        Processes.

    Returns
    -------
    contents : list of bytes
        A hash of each file's bytes; of pictures with the same pixels, all have the first one's. Empty for one that is
        damaged.
    digests : list of bytes
        A hash of each one's pixels, large JPEGs decoded reduced; empty for one that is damaged.
    damaged : dict
        By number, what is wrong with those that are.
    """
    contents, digests = [b""] * len(paths), [b""] * len(paths)
    damaged: dict[int, str] = {}
    for start, found in _in_chunks(_read_chunk, folder, paths, jobs, "pictures", image, rows):
        for number, (content, digest, problem) in enumerate(found, start):
            contents[number], digests[number] = content, digest
            if problem:
                damaged[number] = problem
    first: dict[bytes, int] = {}
    for number, digest in enumerate(digests):
        contents[number] = contents[first.setdefault(digest, number)]
    return contents, digests, damaged


def _in_chunks(
    function: Callable, folder: Path, paths: list[str], jobs: int, label: str, *more: Any
) -> Iterator[tuple[int, Any]]:
    """Call a function for a chunk of paths at a time; yield each chunk's start and result as soon as it is there."""
    starts = range(0, len(paths), CHUNK)
    tasks = [(folder, start, paths[start : start + CHUNK], *more) for start in starts]
    jobs = max(1, min(jobs, len(starts) // WORTH_A_PROCESS))
    with progress_bar(len(paths), label) as bar:
        for number, result in side_by_side(function, tasks, jobs, "reading pictures"):
            bar.update(len(result))
            yield starts[number], result


def _read_headers(folder: Path, start: int, paths: list[str]) -> list[Header | None]:
    return [_read_header(folder / path) for path in paths]


def _read_header(path: Path) -> Header | None:
    try:
        # Headers are read here and there, a few bytes at a time.
        with open(path, "rb", buffering=1 << 16) as file:
            return read_header(file)
    # What is wrong is told when the pixels are read.
    except OSError:
        return None


def _read_chunk(
    folder: Path, start: int, paths: list[str], image: ImageSpec | None, rows: Rows | None
) -> list[tuple[bytes, bytes, str]]:
    found: list[tuple[bytes, bytes, str]] = []
    fitted = np.zeros((len(paths), *rows.shape), np.uint8) if rows else None
    for number, path in enumerate(paths):
        try:
            with open(folder / path, "rb") as file:
                content = read_stream(file, path)
            picture = decode_picture(content, path, enough_pixels(image) if image else None)
        except ImageError as error:
            found.append((b"", b"", str(error)))
            continue
        except OSError as error:
            found.append((b"", b"", f"{path}: cannot be read: {error.strerror}"))
            continue
        digest = hashlib.blake2b(f"{picture.shape}".encode(), digest_size=16)
        digest.update(np.ascontiguousarray(picture).data)
        found.append((hashlib.blake2b(content, digest_size=16).digest(), digest.digest(), ""))
        if fitted is not None and image:
            fitted[number] = fit_picture(picture, image)
    if rows and fitted is not None:
        rows.write(start, fitted)
    return found
