import json
from pathlib import Path

import numpy as np
import pytest

from digitrec.data.dataset import (
    ImageDataset,
    check_dataset,
    label_dtype,
    read_dataset_spec,
    read_normalization,
    read_part,
    spread,
    write_dataset,
)
from digitrec.errors import ArtifactError, DataError
from digitrec.spec import DatasetSpec, Normalization
from tests.tiny import COLOUR, DATASET, some_colours, some_digits


def _dataset(**changes: object) -> ImageDataset:
    images, labels = some_colours(30)
    spec = DatasetSpec(name="folder", title="Tiere", licence="unknown", image=COLOUR)
    return ImageDataset(spec, images[:20], labels[:20], images[20:], labels[20:])._replace(**changes)


def test_a_dataset_comes_back_as_it_was_written(tmp_path: Path) -> None:
    dataset = _dataset()
    write_dataset(tmp_path, dataset)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["dataset.json", "test/images.npy", "test/labels.npy", "train/images.npy", "train/labels.npy"]
    assert read_dataset_spec(tmp_path / "dataset.json") == dataset.spec
    for part, images, labels in (
        ("train", dataset.train_images, dataset.train_labels),
        ("test", dataset.test_images, dataset.test_labels),
    ):
        found = read_part(tmp_path / part)
        np.testing.assert_array_equal(found[0], images)
        np.testing.assert_array_equal(found[1], labels)
        assert (found[0].dtype, found[1].dtype) == (np.uint8, np.uint8)
        assert all(isinstance(array, np.memmap) for array in found)


def test_the_same_dataset_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        write_dataset(tmp_path / folder, _dataset())
    for path in (tmp_path / "first").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "second" / path.relative_to(tmp_path / "first")).read_bytes()


def test_labels_take_the_smallest_kind_of_integer_that_holds_them(tmp_path: Path) -> None:
    assert [label_dtype(n) for n in (2, 256, 257, 65536)] == [np.uint8, np.uint8, np.uint16, np.uint16]
    image = COLOUR.model_copy(update={"classes": tuple(map(str, range(300)))})
    spec = DatasetSpec(name="many", title="many", licence="unknown", image=image)
    labels = np.arange(280, 300)
    write_dataset(tmp_path, _dataset(spec=spec, train_labels=labels))
    found = read_part(tmp_path / "train")[1]
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, labels)


def test_a_right_dataset_passes() -> None:
    check_dataset(_dataset())
    images, labels = some_digits(50)
    check_dataset(ImageDataset(DATASET, images, labels, images, labels.astype(np.uint8)))


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        (
            {"train_images": np.zeros((20, 20, 24), np.uint8)},
            "train images: got uint8 of shape (20, 20, 24), expected",
        ),
        (
            {"train_images": np.zeros((20, 24, 20, 3), np.uint8)},
            "train images: got uint8 of shape (20, 24, 20, 3), ex",
        ),
        ({"train_images": np.zeros((20, 20, 24, 1), np.uint8)}, "expected uint8 (n, 20, 24, 3)"),
        (
            {"test_images": np.zeros((10, 20, 24, 3))},
            "test images: got float64 of shape (10, 20, 24, 3), expected",
        ),
        ({"train_labels": np.zeros((20, 1), int)}, "train labels: got int64 of shape (20, 1), expected integers (n,)"),
        ({"train_labels": np.zeros(20)}, "train labels: got float64 of shape (20,), expected integers (n,)"),
        ({"test_labels": np.full(10, 3)}, "test labels: from 3 to 3, expected 0 to 2"),
        ({"test_labels": np.full(10, -1)}, "test labels: from -1 to -1, expected 0 to 2"),
        ({"train_labels": np.zeros(19, int)}, "train: 20 images but 19 labels"),
    ],
)
def test_what_is_wrong_with_a_dataset_is_named(changes: dict, mistake: str) -> None:
    with pytest.raises(DataError) as caught:
        check_dataset(_dataset(**changes))
    assert mistake in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_all_that_is_wrong_stands_in_one_message() -> None:
    empty = np.zeros((0, 20, 24, 3), np.uint8)
    with pytest.raises(DataError) as caught:
        check_dataset(_dataset(train_labels=np.full(20, 5), test_images=empty, test_labels=np.zeros(0)))
    text = str(caught.value)
    assert text.startswith("dataset 'folder' is not what it should be:\n  train labels: from 5 to 5, expected 0 to 2")
    assert "test images: got uint8 of shape (0, 20, 24, 3)" in text
    assert "test labels: got float64" in text


def test_a_missing_description_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"dataset\.json is missing: run `dvc repro`"):
        read_dataset_spec(tmp_path / "dataset.json")


def test_a_description_of_no_dataset_names_everything(tmp_path: Path) -> None:
    description = DATASET.model_dump(mode="json")
    del description["title"]
    description["image"]["channels"] = 2
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    with pytest.raises(ArtifactError) as caught:
        read_dataset_spec(tmp_path / "dataset.json")
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'dataset.json'}: describes no dataset (")
    assert "title: " in text
    assert "image.channels: " in text
    assert text.endswith("Run `dvc repro download` to make it.")


def test_the_normalization_is_what_was_measured_of_the_pixels(tmp_path: Path) -> None:
    path = tmp_path / "normalize_stats.json"
    path.write_text('{"mean": [0.1, 0.2, 0.3], "std": [0.3, 0.2, 0.1], "n_images": 2}')
    assert read_normalization(path) == Normalization(mean=[0.1, 0.2, 0.3], std=[0.3, 0.2, 0.1])


def test_rows_are_spread_evenly_and_all_are_taken_where_there_are_fewer() -> None:
    assert spread(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert spread(10_000, 2000).tolist() == list(range(0, 10_000, 5))
    assert spread(7, 3).tolist() == [0, 2, 4]
    assert spread(3, 1000).tolist() == [0, 1, 2]
