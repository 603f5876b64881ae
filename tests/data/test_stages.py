import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from digitrec.errors import DataError, ParamsError
from digitrec.pipeline.files import write_array
from tests.data.pictures import picture, write_classes
from tests.tiny import ROOT, some_digits


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Run a stage in a folder, with some keys of params.yaml changed, and give the folder."""
    monkeypatch.delenv("DIGITREC_MIRROR", raising=False)

    def run(name: str, **changes: Any) -> Path:
        params = yaml.safe_load((ROOT / "params.yaml").read_text())
        for key, value in changes.items():
            params[key] = params[key] | value if isinstance(value, dict) else value
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True))
        runpy.run_path(str(ROOT / f"stages/{name}.py"))["main"](tmp_path)
        return tmp_path

    return run


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def test_other_datasets_do_not_know_the_folder(stage: Callable[..., Path]) -> None:
    assert _json(stage("index_folder", dataset="digits") / "data/own_index.json") == {}


def test_the_index_of_a_folder_changes_with_it_and_with_its_settings(
    tmp_path: Path, stage: Callable[..., Path]
) -> None:
    write_classes(tmp_path / "data/own", {"a": 2, "b": 2})
    found = [_json(stage("index_folder", dataset="folder") / "data/own_index.json") for _ in range(2)]
    found.append(_json(stage("index_folder", dataset="folder", folder={"seed": 7}) / "data/own_index.json"))
    (tmp_path / "data/own/a/000.png").unlink()
    found.append(_json(stage("index_folder", dataset="folder", folder={"seed": 7}) / "data/own_index.json"))
    assert found[0] == found[1] != found[2] != found[3]
    assert (found[2]["files"], found[3]["files"]) == (4, 3)


def test_a_folder_is_read_as_the_index_says(tmp_path: Path, stage: Callable[..., Path]) -> None:
    write_classes(tmp_path / "data/own", {"a": 10, "猫": 10})
    stage("index_folder", dataset="folder", folder={"colour": "grey"})
    stage("download", dataset="folder")
    described = _json(tmp_path / "data/dataset.json")
    assert described["image"]["classes"] == ["a", "猫"]
    assert np.load(tmp_path / "data/train/images.npy").shape == (16, 8, 10, 1)
    assert np.load(tmp_path / "data/test/labels.npy").dtype == np.uint8
    assert sorted(path.name for path in (tmp_path / "data/cache").iterdir()) == []


def test_a_folder_with_too_few_pictures_for_the_folds_writes_nothing(
    tmp_path: Path, stage: Callable[..., Path]
) -> None:
    write_classes(tmp_path / "data/own", {"a": 10, "b": 3})
    stage("index_folder", dataset="folder", search={"cv": 3})
    with pytest.raises(DataError, match="class 'b': has too few pictures, 2 to train with, beside 1 for the test"):
        stage("download", dataset="folder")
    assert not (tmp_path / "data/train").exists()


def test_other_folds_and_a_note_beside_the_pictures_read_nothing_again(
    tmp_path: Path, stage: Callable[..., Path]
) -> None:
    write_classes(tmp_path / "data/own", {"a": 10, "b": 10})
    before = _json(stage("index_folder", dataset="folder", search={"cv": 3}) / "data/own_index.json")
    (tmp_path / "data/own/a/notes.txt").write_text("to do")
    assert _json(stage("index_folder", dataset="folder", search={"cv": 5}) / "data/own_index.json") == before


def test_what_cannot_be_done_with_the_images_is_told_before_they_are_written(
    tmp_path: Path, stage: Callable[..., Path]
) -> None:
    with pytest.raises(DataError, match=r"digits_8x8: too few images:\n  search\.cv: got 200, but the rarest class"):
        stage("download", dataset="digits_8x8", recipe="modern", search={"cv": 200})
    write_classes(tmp_path / "data/own", {"a": 10, "b": 10})
    stage("index_folder", dataset="folder")
    recipes = yaml.safe_load((ROOT / "params.yaml").read_text())["recipes"]
    recipes["modern"]["valid_fraction"] = 0.01
    with pytest.raises(DataError, match=r"valid_fraction: got 0\.01, which of 16 images in 2 classes"):
        stage("download", dataset="folder", recipe="modern", recipes=recipes)
    assert not (tmp_path / "data/train").exists()


def test_a_missing_folder_says_what_to_do(stage: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"data/own: is not there\. Put your pictures there"):
        stage("index_folder", dataset="folder")


def test_the_embedded_digits_are_written_with_their_description(stage: Callable[..., Path]) -> None:
    folder = stage("download", dataset="digits_8x8")
    assert np.load(folder / "data/train/images.npy", mmap_mode="r").shape == (1437, 8, 8, 1)
    assert _json(folder / "data/dataset.json")["name"] == "digits_8x8"


def test_one_channel_is_measured_as_a_number(tmp_path: Path, stage: Callable[..., Path]) -> None:
    images = some_digits(50)[0]
    write_array(tmp_path / "data/train/images.npy", images)
    stage("normalize_stats", normalize_stats={"mean": "auto", "std": 0.3})
    found = _json(tmp_path / "metrics/normalize_stats.json")
    assert found == {"mean": pytest.approx(images.mean() / 255), "std": 0.3, "n_images": 50}


def test_three_channels_are_measured_as_a_list(tmp_path: Path, stage: Callable[..., Path]) -> None:
    images = np.stack([picture(number) for number in range(4)])
    write_array(tmp_path / "data/train/images.npy", images)
    stage("normalize_stats", normalize_stats={"mean": 0.1, "std": "auto"})
    found = _json(tmp_path / "metrics/normalize_stats.json")
    assert found["mean"] == [0.1, 0.1, 0.1]
    assert found["std"] == pytest.approx((images / 255).std((0, 1, 2)))
    stage("normalize_stats", normalize_stats={"mean": [0.1, 0.2, 0.3], "std": [0.3, 0.2, 0.1]})
    assert _json(tmp_path / "metrics/normalize_stats.json")["mean"] == [0.1, 0.2, 0.3]


def test_numbers_that_were_chosen_need_no_contrast(tmp_path: Path, stage: Callable[..., Path]) -> None:
    write_array(tmp_path / "data/train/images.npy", np.zeros((2, 4, 4, 1), np.uint8))
    stage("normalize_stats", normalize_stats={"mean": 0.1, "std": 0.3})
    assert _json(tmp_path / "metrics/normalize_stats.json") == {"mean": 0.1, "std": 0.3, "n_images": 2}
    with pytest.raises(DataError, match="no images to learn from"):
        stage("normalize_stats", normalize_stats={"mean": "auto", "std": 0.3})


def test_lists_of_another_length_are_mistakes(tmp_path: Path, stage: Callable[..., Path]) -> None:
    write_array(tmp_path / "data/train/images.npy", some_digits(5)[0])
    with pytest.raises(ParamsError) as caught:
        stage("normalize_stats", normalize_stats={"mean": [0.1, 0.2, 0.3], "std": [0.3, 0.3]})
    assert [mistake.partition(", expected")[0] for mistake in caught.value.mistakes] == [
        "normalize_stats.mean: got 3 numbers",
        "normalize_stats.std: got 2 numbers",
    ]
    assert "a list of 1: the images have 1 channel" in caught.value.mistakes[0]
