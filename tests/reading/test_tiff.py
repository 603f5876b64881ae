import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from digitrec.reading.tiff import MOST_FIELDS, _layout, _pages, alone, pages, pictures

PICTURE = np.arange(20 * 24, dtype=np.uint16).reshape(20, 24)


def written(*arrays: np.ndarray, order: str = "<", big: bool = False, **settings: object) -> bytes:
    content = io.BytesIO()
    with tifffile.TiffWriter(content, bigtiff=big, byteorder=order) as file:
        for array in arrays:
            file.write(array, metadata=None, photometric="minisblack", **settings)
    return content.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_pages_and_their_fields_are_found_in_both_byte_orders_and_sizes(order: str, big: bool) -> None:
    content = written(PICTURE, PICTURE[:9, :7], order=order, big=big)
    found = pages(content)
    assert [(page.height, page.width, page.bits, page.samples) for page in found] == [(20, 24, 16, 1), (9, 7, 16, 1)]
    with tifffile.TiffFile(io.BytesIO(alone(content, found[1]))) as file:
        assert len(file.pages) == 1
        assert np.array_equal(file.pages[0].asarray(), PICTURE[:9, :7])


def test_thumbnails_and_reduced_copies_are_no_pictures_of_their_own() -> None:
    thumbnail, half = PICTURE[:5, :6], PICTURE[:10, :12]
    assert [page.height for page in pictures(pages(written(PICTURE, thumbnail)))] == [20]
    assert [page.height for page in pictures(pages(written(half, thumbnail, PICTURE)))] == [20]
    assert len(pictures(pages(written(PICTURE, PICTURE, PICTURE[:15])))) == 3
    assert len(pictures(pages(written(PICTURE, PICTURE[:15], subfiletype=1)))) == 1


@pytest.mark.parametrize("content", [b"", b"II", b"II*\0\x08\0\0\0", b"MM\0*" + b"\xff" * 40, b"\x89PNG\r\n\x1a\n" * 4])
def test_what_is_no_tiff_has_no_pages(content: bytes) -> None:
    assert pages(content) == []


def test_pages_that_follow_each_other_in_a_circle_end() -> None:
    content = bytearray(written(PICTURE))
    start = int.from_bytes(content[4:8], "little")
    after = start + 2 + 12 * int.from_bytes(content[start : start + 2], "little")
    content[after : after + 4] = content[4:8]
    assert len(pages(bytes(content))) == 1


def test_pages_that_lie_over_each_other_are_bounded() -> None:
    # Each directory of 5,000 fields begins two bytes after the one before.
    content = b"II*\0\x08\0\0\0" + (5000).to_bytes(2, "little") * 100_000
    chained = bytearray(content)
    for at in range(8, 2000, 2):
        after = at + 2 + 12 * 5000
        chained[after : after + 4] = (at + 2).to_bytes(4, "little")
    assert sum(len(page.fields) for page in _pages(bytes(chained), _layout(bytes(chained)))) <= MOST_FIELDS
    assert len(list(_pages(bytes(chained), _layout(bytes(chained))))) <= MOST_FIELDS / 5000 + 1


def test_fields_beside_the_pixels_are_left_out() -> None:
    image, content = Image.fromarray(PICTURE), io.BytesIO()
    image.save(content, "TIFF", description="words", icc_profile=b"profile", dpi=(72, 72))
    (page,) = pages(content.getvalue())
    with Image.open(io.BytesIO(alone(content.getvalue(), page))) as bare:
        assert not {270, 34675, 282} & set(bare.tag_v2)
        assert np.array_equal(np.asarray(bare), PICTURE)
