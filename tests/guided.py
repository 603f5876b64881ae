"""Input that is found by what it reaches: bytes that come to new lines are changed further (atheris, libFuzzer).

Usage: python -m tests.guided decode|idx SECONDS

Ends with a traceback and the bytes that led to it if anything but the answer or its error comes. Needs atheris, which
is in no lock file: `pip install atheris`.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["digitrec", "PIL", "tifffile"]):
    from digitrec.data.idx import parse_idx
    from digitrec.errors import DataError
    from digitrec.reading.decoding import ImageError, decode, decode_picture
    from digitrec.reading.opening import open_picture
from tests.any_input import picture_files
from tests.test_any_input import IDX_FILES

# Larger ones take long and reach nothing else.
MOST_PIXELS = 250_000


def decoding(content: bytes) -> None:
    """Decode a picture both ways."""
    # Whatever keeps it from being opened is told by the decoders, too.
    with suppress(Exception):
        opened = open_picture(content, "picture")
        if opened.width * opened.height > MOST_PIXELS:
            return
    for way, axes in ((decode, 2), (decode_picture, 3)):
        with suppress(ImageError):
            assert way(content, "picture").ndim == axes


def idx(content: bytes) -> None:
    """Read an array."""
    with suppress(DataError):
        array = parse_idx(content, "array")
        assert content.endswith(array.astype(array.dtype.newbyteorder(">")).tobytes())


WAYS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "decode": (decoding, picture_files()),
    "idx": (idx, IDX_FILES),
}


def main(what: str, seconds: str) -> None:
    """Try it for so many seconds; libFuzzer ends the process."""
    way, valid = WAYS[what]
    with tempfile.TemporaryDirectory() as corpus:
        for number, content in enumerate(valid):
            (Path(corpus) / str(number)).write_bytes(content)
        # No limit of memory: watched by atheris, code keeps what it gives back when it runs alone.
        limits = [f"-max_total_time={seconds}", "-timeout=30", "-rss_limit_mb=0", "-max_len=4096"]
        atheris.Setup([sys.argv[0], *limits, "-verbosity=0", "-print_final_stats=1", corpus], way)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
