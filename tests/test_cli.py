"""The command `digitrec`, but for what its answers are."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from PIL import Image

from digitrec.cli import main
from digitrec.reading.exports import PRETRAINED
from tests.tiny import ROOT


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; in it `own`, two classes of five pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITREC_JOBS", "1")
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "own" / name).mkdir(parents=True)
        for number in range(5):
            pixels = rng.integers(0, 256, (20, 30, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "own" / name / f"{number}.png")
    return tmp_path


def digitrec(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="digitrec", catch_exceptions=False)


def test_a_folder_that_can_be_used_is_described(here: Path) -> None:
    result = digitrec("check", "own")
    assert result.exit_code == 0
    assert "10 pictures in 2 classes of 5: cat, dog" in result.stdout
    assert "read as 30x20 colour: 8 for training, 2 for the test" in result.stdout


def test_options_say_how_the_folder_is_read(here: Path) -> None:
    options = ("--height", "8", "--width", "9", "--colour", "grey", "--test-share", "0.4", "--seed", "3")
    assert "read as 9x8 grey: 6 for training, 4 for the test" in digitrec("check", "own", *options).stdout


def test_without_options_it_is_read_as_params_yaml_says(here: Path) -> None:
    (here / "params.yaml").write_text("folder:\n  path: elsewhere\n  height: 7\n  colour: grey\nsearch: {cv: 3}\n")
    assert "read as 10x7 grey: 8 for training" in digitrec("check", "own").stdout
    assert "read as 10x7 colour: 8 for training" in digitrec("check", "own", "--colour", "rgb").stdout
    # As many pictures of each class as the search has folds.
    result = digitrec("check", "own", "--test-share", "0.6")
    assert result.exit_code == 1
    assert "class 'cat': has too few pictures, 2 to train with" in result.stdout


def test_what_is_said_nowhere_is_as_in_the_projects_params_yaml(here: Path) -> None:
    section = yaml.safe_load((ROOT / "params.yaml").read_text())["folder"]
    assert section.pop("path")
    assert section.pop("skip_damaged") is False
    options = [f"--{name.replace('_', '-')}={value}" for name, value in section.items()]
    assert digitrec("check", "own").stdout == digitrec("check", "own", *options).stdout


def test_too_few_images_for_the_validation_are_told(here: Path) -> None:
    (here / "params.yaml").write_text("recipe: modern\nrecipes:\n  modern:\n    valid_fraction: 0.05\n")
    result = digitrec("check", "own")
    assert result.exit_code == 1
    assert "valid_fraction: got 0.05, which of 8 images in 2 classes" in result.stdout


def test_what_must_be_mended_is_told_and_is_the_exit_status(here: Path) -> None:
    (here / "own/cat/5.png").write_bytes(b"hello")
    result = digitrec("check", "own")
    assert result.exit_code == 1
    assert "cat/5.png: is no image" in result.stdout
    assert digitrec("check", "own", "--skip-damaged").exit_code == 0
    (here / "params.yaml").write_text("folder: {skip_damaged: true}\n")
    assert digitrec("check", "own").exit_code == 0
    assert digitrec("check", "own", "--no-skip-damaged").exit_code == 1


def test_wrong_options_are_all_told_at_once(here: Path) -> None:
    result = digitrec("check", "own", "--height", "0", "--width", "wide", "--colour", "blue", "--test-share", "1")
    assert result.exit_code == 2
    for message in (
        "height: got 0, expected a whole number >= 1, or 'auto'",
        "width: got 'wide', expected",
        "colour: got 'blue', expected auto, grey or rgb",
        "test_share: got 1.0, expected a number above 0 and below 1",
    ):
        assert message in result.stderr


def test_a_folder_that_is_not_there_is_one_line(here: Path) -> None:
    result = digitrec("check", "nowhere")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [[], ["predict"], ["serve"], ["check"]])
def test_every_command_has_help(command: list[str]) -> None:
    result = digitrec(*command, "-h")
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: digitrec")


def test_where_nothing_tells_the_models_commit_it_is_said_what_would(here: Path) -> None:
    shutil.copytree(PRETRAINED, here / "model")
    told = digitrec("model", "--model", "model").stdout
    assert "of an unknown commit: clones and wheels of `make wheel` tell it" in told
    assert "of commit" in digitrec("model", "--model", str(PRETRAINED)).stdout
