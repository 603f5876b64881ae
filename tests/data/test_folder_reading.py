from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitrec.data import folder_reading
from digitrec.data.folder_reading import choose_form, make_rows, read_pictures, survey
from digitrec.reading import decoding, opening
from digitrec.reading.resizing import fit_picture
from digitrec.spec import ImageSpec
from tests.data.pictures import folder_spec, picture, save

IMAGE = ImageSpec(height=12, width=12, channels=3, classes=("a", "b"), preparation="resize")


def test_headers_give_size_as_seen_and_colour(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    save(tmp_path / "turned.jpg", picture(0, 10, 20), exif=turned)
    save(tmp_path / "grey.png", picture(1, 5, 6, 1))
    save(tmp_path / "deep.png", picture(1, 5, 6, 1).astype(np.uint16) * 256)
    Image.fromarray(picture(1, 5, 6, 1)).save(tmp_path / "grey.gif")
    Image.fromarray(picture(2, 5, 6)).convert("P").save(tmp_path / "palette.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    paths = sorted(path.name for path in tmp_path.iterdir())
    assert survey(tmp_path, paths, 1) == {(20, 10, True): 1, (5, 6, False): 3, (5, 6, True): 1}


@pytest.mark.parametrize(
    ("found", "asked", "form"),
    [
        ({(10, 20, False): 3, (30, 30, True): 2}, {}, (10, 20, 3)),
        ({(10, 20, False): 2, (30, 30, False): 2}, {}, (10, 20, 1)),
        ({(10, 20, False): 1, (10, 20, True): 1, (5, 5, False): 1}, {}, (10, 20, 3)),
        ({(100, 100, True): 9, (3024, 3024, True): 3}, {}, (64, 64, 3)),
        ({(300, 400, True): 1}, {}, (48, 64, 3)),
        ({(2000, 10, True): 1}, {}, (64, 1, 3)),
        ({(300, 400, True): 1}, {"height": 30}, (30, 40, 3)),
        ({(300, 400, True): 1}, {"height": 28, "width": 28, "colour": "grey"}, (28, 28, 1)),
        ({(300, 400, False): 1}, {"width": 80, "colour": "rgb"}, (60, 80, 3)),
    ],
)
def test_the_form_is_what_is_asked_for_or_most_common(found: dict, asked: dict, form: tuple) -> None:
    assert choose_form(folder_spec("x", **asked), Counter(found)) == form


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_picture_is_written_to_its_row(tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_reading, "CHUNK", 5)
    pictures = [picture(number, 6 + number % 5, 9) for number in range(41)]
    paths = [save(tmp_path / f"{number}.png", pixels).name for number, pixels in enumerate(pictures)]
    (tmp_path / "7.png").write_bytes(b"")
    rows = make_rows(tmp_path / "rows.npy", len(paths), IMAGE)
    _, digests, damaged = read_pictures(tmp_path, paths, IMAGE, rows, jobs)
    images = np.load(tmp_path / "rows.npy")
    for number, pixels in enumerate(pictures):
        expected = np.zeros(IMAGE.shape, np.uint8) if number == 7 else fit_picture(pixels, IMAGE)
        np.testing.assert_array_equal(images[number], expected)
    assert damaged == {7: "7.png: is empty (0 bytes), expected an image"}
    assert len(set(digests)) == 41
    assert digests[7] == b""


def test_digests_are_of_pixels_and_shape(tmp_path: Path) -> None:
    pixels = picture(0, 8, 10)
    save(tmp_path / "a.png", pixels)
    save(tmp_path / "b.bmp", pixels)
    save(tmp_path / "c.png", pixels.reshape(10, 8, 3))
    _, digests, _ = read_pictures(tmp_path, ["a.png", "b.bmp", "c.png"], None, None, 1)
    assert digests[0] == digests[1] != digests[2]


def test_a_file_cut_short_and_one_that_is_missing_are_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a" / "cut.jpg", picture(0, 80, 80))
    path.write_bytes(path.read_bytes()[:2000])
    _, digests, damaged = read_pictures(tmp_path, ["a/cut.jpg", "a/none.png"], None, None, 1)
    assert digests == [b"", b""]
    assert damaged[0].startswith("a/cut.jpg: is cut short or damaged")
    assert damaged[1] == "a/none.png: cannot be read: No such file or directory"


def test_a_file_that_is_too_large_for_a_picture_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (decoding, opening):
        monkeypatch.setattr(module, "MAX_BYTES", 1_000_000)
    for name in ("a.png", "a.tif"):
        with open(tmp_path / name, "wb") as file:
            file.write(b"II*\0")
            # On most disks these take no room.
            file.truncate(10**12)
    assert survey(tmp_path, ["a.png", "a.tif"], 1) == {}
    _, _, damaged = read_pictures(tmp_path, ["a.png", "a.tif"], None, None, 1)
    assert [problem.partition(": ")[2] for problem in damaged.values()] == [
        "has more than 1,000,000 bytes, which is too many for an image"
    ] * 2
