from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitrec.data.dataset import check_dataset, read_part, write_dataset
from digitrec.data.sources.folder import load
from digitrec.errors import DataError
from digitrec.reading.decoding import decode_picture
from digitrec.reading.resizing import fit_picture
from tests.data.pictures import folder_spec, picture, save, write_classes


def _expected(folder: Path, image: object) -> set[bytes]:
    return {fit_picture(decode_picture(path.read_bytes(), ""), image).tobytes() for path in folder.rglob("*.png")}


def test_pictures_become_arrays_with_their_classes(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_classes(tmp_path / "own", {"b/x": 9, "a": 12}, height=20, width=30)
    data = load(tmp_path, folder_spec("own", height=16, width=16), 2, tmp_path / "scratch")
    check_dataset(data)
    assert data.spec.name == "own"
    assert data.spec.title == "pictures in the folder own"
    assert data.spec.image.classes == ("a", "b/x")
    assert data.spec.image.preparation == "resize"
    assert np.bincount(data.test_labels).tolist() == [3, 2]
    assert np.bincount(data.train_labels).tolist() == [9, 7]
    images, labels = np.concatenate([data.train_images, data.test_images]), [*data.train_labels, *data.test_labels]
    for number, name in enumerate(data.spec.image.classes):
        found = {image.tobytes() for image, label in zip(images, labels, strict=True) if label == number}
        assert found == _expected(tmp_path / "own" / name, data.spec.image)
    assert capsys.readouterr().out.startswith("own:\n  21 pictures in 2 classes")


def test_training_images_are_in_random_order_and_loading_again_gives_the_same(tmp_path: Path) -> None:
    write_classes(tmp_path / "own", {"a": 20, "b": 20})
    first, second = (load(tmp_path, folder_spec("own"), 2, tmp_path / "scratch") for _ in range(2))
    for one, two in zip(first[1:], second[1:], strict=True):
        np.testing.assert_array_equal(one, two)
    assert 4 < np.count_nonzero(np.diff(first.train_labels)) < 28
    other = load(tmp_path, folder_spec("own", seed=1), 2, tmp_path / "scratch")
    assert {image.tobytes() for image in other.test_images} != {image.tobytes() for image in first.test_images}


def test_images_are_mapped_and_outlive_the_scratch_folder(tmp_path: Path) -> None:
    write_classes(tmp_path / "own", {"a": 4, "b": 4})
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "left by a killed process").touch()
    data = load(tmp_path, folder_spec("own"), 2, tmp_path / "scratch")
    assert isinstance(data.train_images, np.memmap)
    assert not (tmp_path / "scratch").exists()
    write_dataset(tmp_path / "data", data)
    images, labels = read_part(tmp_path / "data" / "train")
    np.testing.assert_array_equal(images, data.train_images)
    np.testing.assert_array_equal(labels, data.train_labels)


def test_images_that_no_disk_holds_are_refused_before_they_are_read(tmp_path: Path) -> None:
    write_classes(tmp_path / "own", {"a": 4, "b": 4})
    with pytest.raises(DataError, match=r"8 pictures as 1000000x1000000 colour take 72,000\.0 GB .* a smaller height"):
        load(tmp_path, folder_spec("own", height=10**6, width=10**6), 2, tmp_path / "scratch")
    assert not (tmp_path / "scratch").exists()


def test_parts_are_kept_as_they_are(tmp_path: Path) -> None:
    write_classes(tmp_path / "own" / "train", {"a": 4, "b": 5})
    for number in range(3):
        save(tmp_path / "own" / "test" / "b" / f"{number}.png", picture(7000 + number))
    data = load(tmp_path, folder_spec("own"), 2, tmp_path / "scratch")
    assert sorted(data.train_labels) == [0] * 4 + [1] * 5
    assert data.test_labels.tolist() == [1, 1, 1]
    assert {image.tobytes() for image in data.test_images} == _expected(tmp_path / "own" / "test", data.spec.image)


def test_a_folder_with_problems_leaves_nothing_behind(tmp_path: Path) -> None:
    write_classes(tmp_path / "own", {"a": 4, "b": 4, "c": 1})
    (tmp_path / "own" / "a" / "empty.png").touch()
    with pytest.raises(DataError) as caught:
        load(tmp_path, folder_spec("own"), 2, tmp_path / "scratch")
    assert "a/empty.png: is empty" in str(caught.value)
    assert "class 'c': has too few pictures" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_skipped_pictures_have_no_row(tmp_path: Path) -> None:
    write_classes(tmp_path / "own", {"a": 8, "b": 8})
    for number in (0, 5):
        (tmp_path / "own" / "a" / f"00{number}.png").write_bytes(b"\x89PNG")
    data = load(tmp_path, folder_spec("own", skip_damaged=True), 2, tmp_path / "scratch")
    labels = np.concatenate([data.train_labels, data.test_labels])
    assert np.bincount(labels).tolist() == [6, 8]
    assert min(image.max() for image in data.train_images) > 0


def test_a_large_photograph_among_small_pictures_is_no_trouble(tmp_path: Path) -> None:
    write_classes(tmp_path / "own", {"a": 6, "b": 6}, height=100, width=100)
    large = Image.new("RGB", (3024, 3024), (200, 30, 40))
    large.save(tmp_path / "own" / "a" / "large.jpg")
    data = load(tmp_path, folder_spec("own"), 2, tmp_path / "scratch")
    assert data.spec.image.shape == (64, 64, 3)
    images = np.concatenate([data.train_images, data.test_images])
    np.testing.assert_allclose(images[images.std((1, 2)).sum(1).argmin()].mean((0, 1)), (200, 30, 40), atol=3)
