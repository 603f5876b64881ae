import base64
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitrec.cli import predict
from digitrec.reading.decoding import ImageError, decode, decode_picture
from digitrec.reading.opening import KINDS, MAX_PIXELS, read_header
from digitrec.serve.app import DESCRIPTION
from tests.reach import ROOT

# 64 pixels high and 48 wide, a stroke on a page.
PAGE = np.full((64, 48), 230, np.uint8)
PAGE[12:52, 20:26] = 20
# The page, lying on its side with EXIF's orientation 6, as pillow-heif has written it.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWl4AAAAAG1pZjFoZWl4bWlhZgAAAbZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAA"
    "AERAAAIAAQAAAAAB2gABAAAAAAAAAF8AAgAAAAACOQABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZl"
    "AgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA9WlwcnAAAADVaXBjbwAAAHBodmNDAQQIAAAAn/gAAAAAHvAA/Pz4+AAADwNgAAEAF0ABDAH/"
    "/wQIAAADAJ/4AAADAAAeugJAYQABACVCAQEECAAAAwCf+AAAAwAAHsCCBBZbq5Ka5sCAAAAMgAAAAwCEYgABAAZEAcFzwIkAAAATY29scm5jbHgA"
    "AQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAADnBpeGkAAAAAAQgAAAAY"
    "aXBtYQAAAAAAAAABAAEFgQIDBYQAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAIttZGF0AAAAWygBrhPA4zdS+Q+X7NIAw+Bf2Nim5CprTfEc"
    "IS2Ss/ASbeCdlUsyCZRJNQrJAJtPWgSgXyqizTe5QxzOg1NwYQhNCMNmjc6OTUL5vE01N5eXcGA+JrKNhVIMDjAAAAAGRXhpZgAATU0AKgAAAAgA"
    "AQESAAMAAAABAAYAAAAAAAA="
)


def saved(pixels: np.ndarray, kind: str, **settings: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **settings)
    return content.getvalue()


def turned() -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = 6
    return found


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000", "PPM"])
def test_what_telephones_and_scanners_write_is_read(kind: str) -> None:
    for pixels in (PAGE, np.dstack([PAGE] * 3)):
        assert abs(decode(saved(pixels, kind), "x").astype(int) - PAGE).mean() < 3
    assert abs(decode(saved(np.rot90(PAGE), "AVIF", exif=turned()), "x").astype(int) - PAGE).mean() < 3


def test_a_heic_is_read_upright() -> None:
    pytest.importorskip("pillow_heif")
    assert abs(decode(HEIC, "x").astype(int) - PAGE).max() <= 4
    assert decode_picture(HEIC, "x").shape == (64, 48, 1)
    assert read_header(io.BytesIO(HEIC)) == (64, 48, False)


def test_a_heic_without_what_reads_it_is_named_with_the_way_on() -> None:
    script = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from digitrec.reading.decoding import ImageError, decode\n"
        "try: decode(sys.stdin.buffer.read(), 'photo.heic')\n"
        "except ImageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], input=HEIC, capture_output=True, check=True)
    assert done.stdout.decode() == (
        "photo.heic: is a HEIC, and pillow-heif, which reads these, is not installed: `pip install pillow-heif`, or "
        "save it as JPEG\n"
    )


def test_the_largest_page_of_a_tiff_is_the_picture_where_others_are_its_thumbnails() -> None:
    thumbnail = Image.fromarray(PAGE).resize((24, 32))
    for first, second in ((Image.fromarray(PAGE), thumbnail), (thumbnail, Image.fromarray(PAGE))):
        content = io.BytesIO()
        first.save(content, "TIFF", save_all=True, append_images=[second])
        assert np.array_equal(decode(content.getvalue(), "x"), PAGE)
    pages = saved(PAGE, "TIFF", save_all=True, append_images=[Image.fromarray(PAGE)] * 2)
    with pytest.raises(ImageError, match=r"has 3 frames or pages, expected one: save the one that is meant alone"):
        decode(pages, "x")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "AVIF", "JPEG2000", "PPM"])
@pytest.mark.parametrize("is_colour", [False, True])
def test_headers_say_what_the_pixels_are(kind: str, is_colour: bool) -> None:
    pixels = np.dstack([PAGE, PAGE, PAGE // 2]) if is_colour else PAGE
    settings = {"exif": turned()} if kind in ("PNG", "JPEG", "TIFF", "AVIF") else {}
    content = saved(pixels, kind, **settings)
    header, picture = read_header(io.BytesIO(content)), decode_picture(content, "x")
    assert header is not None
    assert header[:2] == picture.shape[:2] == ((48, 64) if settings else (64, 48))
    # WebP knows no grey.
    assert header.is_colour == (is_colour or kind == "WEBP")


def test_the_limits_are_the_same_words_everywhere() -> None:
    limit = f"{MAX_PIXELS // 1_000_000} megapixels"
    of_any = f"{KINDS} of at most {limit}"
    page_of_docs = " ".join((ROOT / "docs/reading.md").read_text(encoding="utf-8").split())
    assert of_any in page_of_docs
    assert of_any in " ".join(str(predict.help).split())
    served = "A body has 5 MB at most, an image " + limit
    assert served in page_of_docs
    assert served in " ".join(DESCRIPTION.split())
    page = (Path(ROOT) / "src/digitrec/serve/page/photo.js").read_text(encoding="utf-8")
    assert f"MAX_PIXELS = {MAX_PIXELS:_};" in page
