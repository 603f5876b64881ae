"""What stands beside the pixels of a picture file: which way up it is, and the file without all that may be broken."""

import re
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

# EXIF's field.
ORIENTATION = 0x0112
# By orientation, what turns an image upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
IN_XMP = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([1-8])")
PNG = b"\x89PNG\r\n\x1a\n"
# Of a PNG, what its pixels are made from, and when there are several pictures of them.
PIXEL_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"IDAT"))
# Of a JPEG: application data, but Adobe's (what its colours mean), and comments.
APP0, APP1, ADOBE, APP15, COMMENT, SCAN = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE, 0xDA


def orientation_of(image: Image.Image) -> int:
    """Give the orientation, 1 to 8, that an opened image's metadata tell; 1 where they tell none that can be read."""
    try:
        found = image.getexif().get(ORIENTATION)
    # Of many kinds on damaged metadata, which must not cost the pixels.
    except Exception:
        found = None
    if found is None:
        match = IN_XMP.search(_bytes(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")))
        found = match[1] if match else 1
    # Of a type that is not the standard's: text, bytes or several numbers.
    if isinstance(found, (str, bytes, tuple)) and found:
        found = found[0]
    if isinstance(found, str) and found.isdecimal():
        found = int(found)
    if isinstance(found, int) and ord("1") <= found <= ord("8"):
        found -= ord("0")
    return found if isinstance(found, int) and found in UPRIGHT else 1


def pixels_alone(content: bytes) -> bytes:
    """Leave out what stands beside the pixels of a PNG, JPEG or WebP file, but orientation.

    Files of other formats stay as they are, and those whose pixels themselves are seen to be damaged.
    """
    if content.startswith(PNG):
        return PNG + b"".join(_png_chunks(content))
    if content.startswith(b"\xff\xd8"):
        return b"\xff\xd8" + b"".join(_jpeg_segments(content))
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        body = b"WEBP" + b"".join(_webp_chunks(content))
        return b"RIFF" + struct.pack("<I", len(body)) + body
    return content


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else value.encode(errors="replace") if isinstance(value, str) else b""


def _png_chunks(content: bytes) -> list[bytes]:
    chunks, at, colours = [], len(PNG), 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        name, whole = content[at + 4 : at + 8], content[at : at + 12 + length]
        at += 12 + length
        if name == b"IEND":
            break
        is_whole = len(whole) == 12 + length
        is_sound = is_whole and zlib.crc32(whole[4:-4]) == int.from_bytes(whole[-4:])
        if name == b"IHDR" and is_sound:
            colours = whole[17]
        # The palette that a picture with colours of its own suggests, and a transparency that cannot be trusted.
        if (name == b"PLTE" and colours != 3) or (name == b"tRNS" and not (is_sound and _fits(whole, colours))):
            continue
        if name in PIXEL_CHUNKS:
            if not is_sound:
                return [content[len(PNG) :]]
            chunks.append(whole)
        elif name == b"eXIf" and is_whole:
            chunks.append(_chunk(name, whole[8:-4]))
    return [*chunks, _chunk(b"IEND", b"")]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _fits(transparency: bytes, colours: int) -> bool:
    """Tell whether a chunk of transparency is as long as the kind of colours asks for."""
    length = len(transparency) - 12
    return {0: length == 2, 2: length == 6, 3: 0 < length <= 256}.get(colours, False)


def _jpeg_segments(content: bytes) -> Iterator[bytes]:
    at = 2
    # Up to the pixels; bytes that belong to no segment are passed over.
    while (at := content.find(b"\xff", at)) >= 0 and at + 4 <= len(content):
        marker = content[at + 1]
        if marker == SCAN:
            yield content[at:]
            return
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD9:
            at += 1
            continue
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4])
        payload = content[at + 4 : end]
        is_adobe = marker == ADOBE and payload.startswith(b"Adobe") and len(payload) >= 12
        is_exif = marker == APP1 and payload.startswith((b"Exif\0", b"http://ns.adobe.com/xap/"))
        if not (APP0 <= marker <= APP15 or marker == COMMENT) or is_adobe or is_exif:
            yield content[at:end]
        at = max(end, at + 2)


def _webp_chunks(content: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(content):
        end = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
        name, chunk = content[at : at + 4], content[at : end + end % 2]
        if name == b"VP8X":
            # Its flags say that there are metadata.
            chunk = chunk[:8] + bytes((chunk[8] & 0b00010010,)) + chunk[9:] if len(chunk) > 8 else chunk
        if name in (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"):
            yield chunk
        at = end + end % 2
