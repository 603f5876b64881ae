"""TIFF files: which of their pages is the picture, and a file of that page alone, without what stands beside it."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

SUBFILE, WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION, SAMPLES, PLANES = 254, 256, 257, 258, 262, 274, 277, 284
TILE_WIDTH, TILE_HEIGHT = 322, 323
# What memory depends on: known before anything is decoded, or left out.
SIZES = (WIDTH, HEIGHT, BITS, PHOTOMETRIC, SAMPLES, PLANES, TILE_WIDTH, TILE_HEIGHT)
# What pixels are decoded by; all other fields, broken or not, are left out.
FIELDS = frozenset(
    (
        *SIZES,
        # Strips, tiles, compression and its settings, the palette, and what samples and inks are.
        *(259, 266, 273, 278, 279, 292, 293, 317, 320, 324, 325, 332, 334, 338, 339, 347),
        # Of JPEG in TIFF, and of luminance with differences of colour.
        *(512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532),
    )
)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
# Letters of `struct` for the types of fields that hold one small number.
TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
# Of all pages together: directories may lie over each other, which would make a small file a long work.
MOST_FIELDS = 100_000


class Page(NamedTuple):
    """A page of a TIFF file: what its fields say.

    Parameters
    ----------
    width, height : int
        In pixels, before it is turned.
    bits : int
        Of a sample.
    samples : int
        Of a pixel: 1 for grey, 3 for colours, 4 with transparency.
    photometric : int
        What samples mean: 0 for white is zero, 1 for black is zero, 2 for red, green and blue.
    planes : int
        2 where all red lies before all green.
    orientation : int
        1 to 8, as in EXIF; other numbers mean nothing.
    tile_width, tile_height : int
        In pixels; 0 where it has no tiles.
    is_extra : bool
        Whether it says of itself that it is another's thumbnail or mask.
    fields : dict
        Bytes of each field by its number.
    """

    width: int
    height: int
    bits: int
    samples: int
    photometric: int
    planes: int
    orientation: int
    tile_width: int
    tile_height: int
    is_extra: bool
    fields: dict[int, bytes]


class _Layout(NamedTuple):
    """How numbers lie in a file: byte order, kinds of a count and an offset, bytes of a field, place of the start."""

    order: str
    counter: str
    offset: str
    field: int
    start: int


def pages(content: bytes) -> list[Page]:
    """Find the pages of a TIFF file in their order; none where it is no such file, or damaged."""
    layout = _layout(content)
    return [page for page in _pages(content, layout) if page.width and page.height] if layout else []


def pictures(found: list[Page]) -> list[Page]:
    """Give the largest page, and those that are no thumbnails, masks or reduced copies beside it.

    A page of at most half of its width and height is a thumbnail, even where it does not say so.
    """
    largest = max(found, key=lambda page: page.width * page.height)
    return [largest] + [
        page
        for page in found
        if page is not largest
        and not page.is_extra
        and (2 * page.width > largest.width or 2 * page.height > largest.height)
    ]


def alone(content: bytes, page: Page) -> bytes:
    """Make a file of one page: its pixels where they were, after them the fields that tell how to decode them."""
    layout = _layout(content)
    if layout is None:
        return content
    start = len(content) + len(content) % 2
    fields = [
        page.fields[number]
        for number in sorted(FIELDS & page.fields.keys())
        if number not in SIZES or _kind(layout, page.fields[number])
    ]
    directory = struct.pack(layout.order + layout.counter, len(fields)) + b"".join(fields) + bytes(8)
    header = content[: layout.start] + struct.pack(layout.order + layout.offset, start)
    return b"".join((header, memoryview(content)[len(header) :], bytes(len(content) % 2), directory))


def _layout(content: bytes) -> _Layout | None:
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None or len(content) < 16:
        return None
    version = struct.unpack(f"{order}H", content[2:4])[0]
    return {42: _Layout(order, "H", "I", 12, 4), 43: _Layout(order, "Q", "Q", 20, 8)}.get(version)


def _pages(content: bytes, layout: _Layout) -> Iterator[Page]:
    seen: set[int] = set()
    at = _number(content, layout.start, layout, layout.offset)
    left = MOST_FIELDS
    while 0 < at < len(content) and at not in seen and left > 0:
        seen.add(at)
        count = _number(content, at, layout, layout.counter)
        at += struct.calcsize(layout.counter)
        fields: dict[int, bytes] = {}
        # A number of fields that the file has no room for is cut where it ends.
        count = min(count, (len(content) - at) // layout.field, left)
        left -= count + 1
        for _ in range(count):
            field = content[at : at + layout.field]
            fields.setdefault(struct.unpack(f"{layout.order}H", field[:2])[0], field)
            at += layout.field
        yield _page(content, layout, fields)
        at = _number(content, at, layout, layout.offset)


def _page(content: bytes, layout: _Layout, fields: dict[int, bytes]) -> Page:
    def first(number: int, default: int) -> int:
        field = fields.get(number)
        return default if field is None else _first(content, layout, field, default)

    return Page(
        width=first(WIDTH, 0),
        height=first(HEIGHT, 0),
        bits=first(BITS, 1),
        samples=first(SAMPLES, 1),
        photometric=first(PHOTOMETRIC, BLACK_IS_ZERO),
        planes=first(PLANES, 1),
        orientation=first(ORIENTATION, 1),
        tile_width=first(TILE_WIDTH, 0),
        tile_height=first(TILE_HEIGHT, 0),
        is_extra=bool(first(SUBFILE, 0) & 0b101),
        fields=fields,
    )


def _kind(layout: _Layout, field: bytes) -> str | None:
    return TYPES.get(struct.unpack(f"{layout.order}H", field[2:4])[0])


def _first(content: bytes, layout: _Layout, field: bytes, default: int) -> int:
    """Give the first number of a field, the default where it holds none."""
    kind = _kind(layout, field)
    count = _number(field, 4, layout, layout.offset)
    if kind is None or not count:
        return default
    value = layout.field - struct.calcsize(layout.offset)
    if count * struct.calcsize(kind) > struct.calcsize(layout.offset):
        return _number(content, _number(field, value, layout, layout.offset), layout, kind, default)
    return _number(field, value, layout, kind, default)


def _number(content: bytes, at: int, layout: _Layout, kind: str, default: int = 0) -> int:
    """Read a number; the default where the file ends before it."""
    part = content[at : at + struct.calcsize(layout.order + kind)]
    return struct.unpack(layout.order + kind, part)[0] if len(part) == struct.calcsize(layout.order + kind) else default
