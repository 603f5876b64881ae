import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitrec.errors import ArtifactError
from digitrec.reproduction.home_made import read_home_made
from tests.drawing import FOLDER
from tests.tiny import IMAGE


def test_pictures_are_read_in_the_order_of_their_names_which_say_the_digits(tmp_path: Path) -> None:
    for name in ("7_lined_087.png", "0_plain_000.png"):
        shutil.copy(FOLDER / name, tmp_path)
    images, labels = read_home_made(tmp_path, IMAGE)
    assert (images.shape, images.dtype, labels.tolist()) == ((2, 28, 28, 1), np.uint8, [0, 7])
    # Light ink on black, in the middle box, as in MNIST.
    assert images.max(axis=(1, 2, 3)).min() > 200
    assert images[:, [0, -1]].max() == 0


def test_every_picture_that_is_no_digit_is_named(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "0_plain_000.png", tmp_path / "zero.png")
    Image.new("L", (60, 60), 255).save(tmp_path / "1_blank.png")
    with pytest.raises(ArtifactError, match=r"1_blank\.png: no ink .*; zero\.png: its first character"):
        read_home_made(tmp_path, IMAGE)


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="expected PNG files"):
        read_home_made(tmp_path / "none", IMAGE)
