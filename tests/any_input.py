"""Input as nobody should hand it over: hypothesis starts from what is right and changes a few places."""

import copy
import io
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st
from PIL import Image

# Of which headers count sizes, places and kinds.
NUMBERS = [
    number.to_bytes(size, order)
    for size in (1, 2, 4, 8)
    for number in (0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)
    for order in ("big", "little")
]
PIECES = [
    *(
        b"\0",
        b"\n",
        b'"',
        b",",
        b": ",
        b"- ",
        b"{",
        b"[",
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!set ",
        b"../",
        b"\xff",
        b"\r\n\r\n",
    ),
    *(b"\xef\xbb\xbf", b"\xed\xa0\x80", b"1e999", b"9" * 5000, b"[" * 1000, b"<html>", b"IEND"),
]
ODD: list[Any] = [
    *(None, True, False, 0, 1, 2, -1, 0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"), 2**31, 2**63, 10**30),
    *("", "a", "auto", "0", "yes", "\0", "a\nb", "../a", "/etc/passwd", "~", "é" * 99, "%s", "{}", "__init__", "_size"),
    *([], {}, [[]], [0, 0], [None], ["a", "a"], {"": 0}, {"a": {"b": []}}, [0.1, 0.9], list(range(99))),
]
SIDE = 12


@st.composite
def damaged(draw: st.DrawFn, valid: Sequence[bytes]) -> bytes:
    """One of the contents with up to four places changed."""
    content = bytearray(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(0, 4))):
        # As often in what may be a header as anywhere.
        at = draw(st.integers(0, min(len(content), 80)) | st.integers(0, len(content)))
        kind = draw(st.sampled_from(("byte", "number", "piece", "cut", "left out", "twice", "other")))
        if kind == "byte":
            content[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif kind == "number":
            number = draw(st.sampled_from(NUMBERS))
            content[at : at + len(number)] = number
        elif kind == "piece":
            content[at:at] = draw(st.sampled_from(PIECES))
        elif kind == "cut":
            del content[at:]
        else:
            end = at + draw(st.integers(1, 60))
            if kind == "left out":
                del content[at:end]
            elif kind == "twice":
                content[at:at] = content[at:end]
            else:
                content[at:end] = draw(st.sampled_from(valid))[at:end]
    return bytes(content)


@st.composite
def changed(draw: st.DrawFn, valid: Any) -> Any:
    """The same lists and mappings with up to three values replaced, removed, added or called otherwise."""
    root = [copy.deepcopy(valid)]
    for _ in range(draw(st.integers(0, 3))):
        _change(draw, root)
    return root[0] if root else None


def _change(draw: st.DrawFn, root: list) -> None:
    parent: Any = root
    key: Any = 0
    while parent and isinstance(parent[key], dict | list) and parent[key] and draw(st.integers(0, 5)):
        parent = parent[key]
        key = draw(st.sampled_from(sorted(parent, key=str) if isinstance(parent, dict) else range(len(parent))))
    if not parent:
        return
    kind = draw(st.sampled_from(("replace", "replace", "remove", "add", "rename")))
    odd = copy.deepcopy(draw(st.sampled_from(ODD)))
    if kind == "remove" and parent is not root:
        del parent[key]
    elif kind == "add" and isinstance(parent[key], dict):
        parent[key][draw(st.sampled_from(("a", "", "lr", 7, True, None)))] = odd
    elif kind == "add" and isinstance(parent[key], list):
        parent[key].append(odd)
    elif kind == "rename" and isinstance(parent, dict):
        parent[draw(st.sampled_from(("a", f"{key}s", 3)))] = parent.pop(key)
    else:
        parent[key] = odd


def yaml_of(valid: Any) -> st.SearchStrategy[bytes]:
    """YAML files that say about what they should."""
    whole = yaml.dump(valid, Dumper=yaml.CSafeDumper, sort_keys=False).encode()
    return changed(valid).map(lambda value: yaml.dump(value, Dumper=yaml.CSafeDumper).encode()) | damaged([whole])


@cache
def picture_files() -> list[bytes]:
    """Small pictures in every format and mode that is read."""
    pixels = np.full((SIDE, SIDE, 4), 230, np.uint8)
    pixels[2:10, 5:7] = (20, 30, 90, 255)
    image = Image.fromarray(pixels)
    deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 250)
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds: list[tuple[Image.Image, str, dict[str, Any]]] = [
        *((image.convert(mode), "PNG", {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
        *((image.convert(mode), "TIFF", {}) for mode in ("L", "CMYK", "YCbCr")),
        *((image.convert("RGB"), "TIFF", {"compression": how}) for how in ("tiff_lzw", "jpeg", "tiff_deflate")),
        *((image.convert("RGB"), kind, {"exif": exif}) for kind in ("PNG", "JPEG", "WEBP", "TIFF")),
        *((image.convert("RGB"), kind, {}) for kind in ("BMP", "GIF", "JPEG2000", "PPM", "AVIF")),
        (image.convert("1"), "TIFF", {"compression": "group4"}),
        (image, "WEBP", {"lossless": True}),
        (image.convert("L"), "JPEG", {"progressive": True}),
        *((deep, kind, {}) for kind in ("PNG", "TIFF", "PPM", "JPEG2000")),
        *((deep.convert(mode), "TIFF", {}) for mode in ("I", "F")),
    ]
    files = []
    for each, kind, settings in kinds:
        content = io.BytesIO()
        each.save(content, kind, **settings)
        files.append(content.getvalue())
    return files
