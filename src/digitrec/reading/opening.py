"""Image files of other people opened: what their headers say, and their pixels upright, with 8 bits each."""

import io
import logging
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from digitrec.errors import DigitrecError
from digitrec.reading import tiff
from digitrec.reading.deep import deep_values, is_deep
from digitrec.reading.levels import eight_bits
from digitrec.reading.metadata import UPRIGHT, orientation_of

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")
# As messages name them.
KINDS = "PNG, JPEG, BMP, WebP, TIFF, GIF, HEIC, AVIF, JPEG 2000 or PNM"
# Of a file that is read.
MAX_BYTES = 300_000_000
# A sheet of 297 x 420 mm at 600 dpi; photographs of 50 megapixels are within it.
MAX_PIXELS = 70_000_000
# A larger picture is decoded at half its size where its format allows it, else halved as soon as it is decoded.
MOST_WHOLE = 25_000_000
# Of samples with more than 8 bits, decoded: four of 16 for each pixel.
MAX_DEEP_BYTES = 8 * MAX_PIXELS
# What HEIC files say that they are, among the names behind "ftyp".
HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"))
# Bytes at its beginning that tell how its pixels are to be decoded and turned.
HEIC_START = 100_000
GREY_MODES = ("1", "L", "LA", "La")
# Pillow warns of large images, at a size above ours, and of damage that it can do without.
warnings.filterwarnings("ignore", module=r"PIL\.")
for library in ("PIL", "tifffile"):
    logging.getLogger(library).setLevel(logging.CRITICAL)


class ImageError(DigitrecError):
    """A file that is no image, or not one that can be answered."""


class Header(NamedTuple):
    """What a picture's header says: height and width in pixels as it is seen, and whether it is in colour."""

    height: int
    width: int
    is_colour: bool


@dataclass(frozen=True)
class Opened:
    """A picture whose header was read; its pixels are decoded when they are asked for.

    Parameters
    ----------
    name : str
        That an error gives.
    content : bytes
        Of its file.
    image : Image, optional
        As Pillow opens it, where it does.
    page : Page, optional
        Of a TIFF.
    width, height : int
        In pixels, before it is turned.
    """

    name: str
    content: bytes
    image: Image.Image | None
    page: tiff.Page | None
    width: int
    height: int

    @cached_property
    def orientation(self) -> int:
        """From 1 to 8, as in EXIF; what is damaged tells 1. Once the pixels are decoded, Pillow may know it no more."""
        if self.page:
            return self.page.orientation
        if self.image and self.image.format == "HEIF":
            # The decoder turns it by properties of its own, which count more than EXIF's.
            has_turn = any(kind in self.content[:HEIC_START] for kind in (b"irot", b"imir"))
            return 1 if has_turn else self.image.info.get("original_orientation") or 1
        return orientation_of(self.image) if self.image else 1

    def size(self) -> tuple[int, int]:
        """Give height and width as it is seen."""
        turned = self.orientation in (5, 6, 7, 8)
        return (self.width, self.height) if turned else (self.height, self.width)

    def header(self) -> Header:
        """Give height and width as it is seen, and whether it is in colour."""
        return Header(*self.size(), self._has_colour())

    def pixels(self, least: int | None, may_be_blank: bool) -> Image.Image:
        """Decode the pixels: upright, 8 bits a sample, in a mode other than I and F.

        Parameters
        ----------
        least : int, optional
            Pixels of the shorter side that are enough: a JPEG is decoded reduced to no less, by 2, 4 or 8.
        may_be_blank : bool
            As `digitrec.reading.levels.eight_bits` takes it.

        Raises
        ------
        ImageError
            When it has more samples of more than 8 bits than memory is meant for.
        Exception
            Of many kinds, when the file is damaged.
        """
        image, is_large = self.image, self.width * self.height > MOST_WHOLE
        deep = is_deep(image, self.content, self.page)
        if deep:
            self._check_bytes()
        if image:
            if least or is_large:
                # Does nothing to other formats than JPEG.
                image.draft(None, (least, least) if least else (self.width // 2, self.height // 2))
            if is_large and image.format == "JPEG2000" and _jpeg2000_levels(self.content):
                image.reduce = 1  # type: ignore[method-assign, assignment]
            image.load()
        # Not before: to tell it, Pillow may decode pixels, and keep silent where they are damaged.
        turn = UPRIGHT.get(self.orientation)
        if deep:
            values = deep_values(image, self.content, self.page, 2 if is_large else 1)
            image = self._of_values(values, may_be_blank)
        elif image and image.width * image.height > MOST_WHOLE:
            image = _halved(image)
        if image is None:
            raise ValueError("its pixels cannot be decoded")
        return image if turn is None else image.transpose(turn)

    def _check_bytes(self) -> None:
        page, image = self.page, self.image
        each = page.samples * -(-page.bits // 8) if page else 4 if image and image.mode[0] in "IF" else 8
        sizes = [(self.width, self.height), (page.tile_width, page.tile_height) if page else (0, 0)]
        width, height = max(sizes, key=lambda size: size[0] * size[1])
        if width * height * each > MAX_DEEP_BYTES:
            raise ImageError(
                f"{self.name}: has {width:,} x {height:,} pixels of {each} bytes, expected at most "
                f"{MAX_DEEP_BYTES:,} bytes of them: make it smaller, or save it with 8 bits a sample"
            )

    def _of_values(self, values: np.ndarray, may_be_blank: bool) -> Image.Image:
        channels = values.shape[2] if values.ndim == 3 else 1
        has_alpha = channels in (2, 4)
        # More channels than three colours and transparency have no meaning that is known.
        colours = values[..., : 1 if channels < 3 else 3] if values.ndim == 3 else values[..., None]
        found = colours if values.dtype == np.uint8 else eight_bits(colours, may_be_blank)
        if self.page and self.page.photometric == tiff.WHITE_IS_ZERO:
            found = 255 - found
        if has_alpha:
            most = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1.0
            alpha = np.clip(np.nan_to_num(values[..., -1:].astype(np.float32)) * (255 / most), 0, 255)
            found = np.concatenate([found, np.rint(alpha).astype(np.uint8)], axis=2)
        return Image.fromarray(found[..., 0] if found.shape[2] == 1 else np.ascontiguousarray(found))

    def _has_colour(self) -> bool:
        image = self.image
        if image is None:
            return self.page is not None and self.page.samples > 2
        if image.mode == "P":
            # Palettes may hold colours that no pixel has.
            used = np.unique(np.asarray(image))
            colours = np.array(image.getpalette()).reshape(-1, 3)[used]
            return bool((colours != colours[:, :1]).any())
        return image.mode not in GREY_MODES and image.mode[0] not in "IF"


def open_picture(content: bytes, name: str) -> Opened:
    """Read the header of a picture's file.

    Raises
    ------
    ImageError
        When it is empty, no picture, several, or too large.
    Exception
        Of many kinds, when the file is damaged.
    """
    if not content:
        raise ImageError(f"{name}: is empty (0 bytes), expected an image")
    page = None
    if found := tiff.pages(content):
        page, *others = tiff.pictures(found)
        _check_number(name, 1 + len(others))
        _check_size(name, page.width, page.height)
        _check_size(f"{name}: a tile", page.tile_width, page.tile_height)
        content = tiff.alone(content, page)
    try:
        image = _by_pillow(content, name)
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: has more than {MAX_PIXELS:,} pixels, which is too many: make it smaller") from error
    except Image.UnidentifiedImageError as error:
        if page is None:
            raise ImageError(f"{name}: is no image; expected {KINDS}") from error
        return Opened(name, content, None, page, page.width, page.height)
    if page is None and image.format == "TIFF":
        # What memory it takes is known of pages alone.
        raise ImageError(f"{name}: is damaged: its width and height cannot be read")
    _check_size(name, *image.size)
    # Cameras put previews behind a picture, telephones more pictures of the same moment.
    _check_number(name, 1 if image.format in ("MPO", "HEIF") else getattr(image, "n_frames", 1))
    return Opened(name, content, image, page, *image.size)


def read_header(file: BinaryIO) -> Header | None:
    """Read what the header of a picture's file says, from here and there in it; None where that cannot be told."""
    try:
        if file.read(2) not in (b"II", b"MM"):
            image = Image.open(file, formats=FORMATS)
            return Opened("", b"", image, None, *image.size).header()
    # Decoders raise errors of many kinds; the whole file may tell more.
    except Exception:
        pass
    try:
        file.seek(0)
        return open_picture(file.read(MAX_BYTES), "").header()
    # What is wrong is told when the pixels are read.
    except Exception:
        return None


def _by_pillow(content: bytes, name: str) -> Image.Image:
    brands = {content[at : at + 4] for at in range(8, min(int.from_bytes(content[:4]), 200), 4)}
    if content[4:8] != b"ftyp" or not brands & HEIC_BRANDS:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(
            f"{name}: is a HEIC, and pillow-heif, which reads these, is not installed: `pip install pillow-heif`, or "
            "save it as JPEG"
        ) from error
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    return Image.open(io.BytesIO(content), formats=("HEIF",))


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name}: has {width:,} x {height:,} pixels, expected at most {MAX_PIXELS:,}: make it smaller")


def _check_number(name: str, frames: int) -> None:
    if frames > 1:
        raise ImageError(f"{name}: has {frames} frames or pages, expected one: save the one that is meant alone")


def _jpeg2000_levels(content: bytes) -> int:
    """Give how many times such a file can be decoded at half its size."""
    at = content.find(b"\xff\x52")
    return content[at + 9] if 0 <= at < len(content) - 9 else 0


def _halved(image: Image.Image) -> Image.Image:
    # One colour may be what is transparent, and a palette's numbers have no mean.
    if image.mode in ("1", "P", "PA") or "transparency" in image.info:
        image = image.convert("L" if image.mode == "1" else "RGBA" if has_transparency(image) else "RGB")
    return image.reduce(2)


def has_transparency(image: Image.Image) -> bool:
    """Tell whether a picture may be seen through in places."""
    return "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info
