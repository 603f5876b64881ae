import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitrec.reading.answers import answer, nothing_found, thing_shown
from digitrec.spec import ImageSpec
from tests.conftest import ROOT
from tests.drawing import FOLDER, drawn
from tests.exported import RED_GREEN_BLUE, export_means

# Most start the command, which takes a second.
pytestmark = pytest.mark.slow
MODEL = ROOT / "src/digitrec/pretrained"


def predict(*arguments: str, folder: Path = ROOT, **settings: object) -> subprocess.CompletedProcess:
    """Run `digitrec predict` with the committed model."""
    command = [sys.executable, "-c", "from digitrec.cli import main; main(prog_name='digitrec')", "predict"]
    return subprocess.run(
        [*command, "--model", str(MODEL), *arguments],
        cwd=folder,
        capture_output=True,
        text="input" not in settings,
        **settings,
    )


def answers(*arguments: str, **settings: object) -> list[dict]:
    """What the committed model, or another that is named, says of images."""
    result = predict(*arguments, "--json", **settings)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_of_the_drawn_digits_the_committed_model_answers_95_per_cent_rightly_and_one_in_a_hundred_wrongly() -> None:
    rows = answers(str(FOLDER / "*.png"))
    right = [row["label"] == Path(row["file"]).name[0] for row in rows]
    wrong = [row["file"] for row, good in zip(rows, right, strict=True) if not good and row["label"] is not None]
    assert len(rows) >= 60
    assert len(wrong) <= 0.01 * len(rows), wrong
    assert np.mean(right) >= 0.95


def test_an_answer_has_label_probability_second_and_box() -> None:
    (row,) = answers("tests/drawn/3_plain_003.png")
    assert row["file"] == "tests/drawn/3_plain_003.png"
    assert row["label"] == "3"
    assert row["probability"] > 0.95
    assert row["second"] in set("012456789")
    assert 0 <= row["second_probability"] <= 1 - row["probability"] + 1e-6
    assert row["reason"] is None
    left, top, right, bottom = row["box"]
    with Image.open(ROOT / row["file"]) as image:
        assert 0 <= left < right <= image.width
        assert 0 <= top < bottom <= image.height


def test_below_the_threshold_the_answer_is_unsure_and_says_why() -> None:
    row = answer(np.array([0, 0.1, 0, 0, 0, 0, 0, 0.9, 0, 0]), "0123456789", 0.95)
    assert (row["label"], row["best"], row["second"]) == (None, "7", "1")
    assert row["reason"] == "unsure: 7 has probability 0.900, less than 0.950"
    assert answer(np.array([0.1, 0.9]), ["cat", "dog"], 0.9)["label"] == "dog"


def test_an_image_without_ink_is_answered_by_no_digit_found(tmp_path: Path) -> None:
    Image.new("L", (60, 60), 255).save(tmp_path / "blank.png")
    (row,) = answers(str(tmp_path / "blank.png"))
    assert (row["label"], row["box"], row["reason"]) == (None, None, "no digit found")
    assert predict("blank.png", folder=tmp_path).stdout == "blank.png: no digit found\n"


def test_a_line_is_read_from_left_to_right(tmp_path: Path) -> None:
    digits = [1, 2, 5, 0, 7]
    (tmp_path / "amount.png").write_bytes(drawn(3, digits, "plain")[1])
    rows = answers(str(tmp_path / "amount.png"), "--line")
    assert [row["label"] for row in rows] == [str(digit) for digit in digits]
    lines = predict("amount.png", "--line", folder=tmp_path).stdout.splitlines()
    assert [line.split()[1] for line in lines] == [str(digit) for digit in digits]
    assert all(" at " in line for line in lines)


def test_standard_input_is_read() -> None:
    content = (FOLDER / "8_plain_008.png").read_bytes()
    result = predict("-", "--json", input=content)
    (row,) = json.loads(result.stdout)
    assert (row["file"], row["label"]) == ("standard input", "8")


def test_a_bad_file_is_one_line_and_the_others_are_answered(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    result = predict("empty.png", str(FOLDER / "8_plain_008.png"), "none.png", folder=tmp_path)
    assert result.returncode == 1
    assert result.stdout.startswith(f"{FOLDER}/8_plain_008.png: 8  ")
    assert result.stdout.count("\n") == 1
    errors = result.stderr.splitlines()
    assert errors == [
        "error: empty.png: is empty (0 bytes), expected an image",
        "error: none.png: cannot be read: No such file or directory",
    ]


def test_standard_input_that_is_closed_holds_nothing() -> None:
    code = "from digitrec.cli import main; main()"
    command = ["bash", "-c", '"$0" "$@" <&-', sys.executable, "-c", code, "predict", "--model", str(MODEL), "-"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == "error: standard input: is empty (0 bytes), expected an image\n"


def test_a_name_that_the_terminal_cannot_show_is_answered(tmp_path: Path) -> None:
    (tmp_path / "fünf.png").write_bytes((FOLDER / "8_plain_008.png").read_bytes())
    result = predict("fünf.png", folder=tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("f\\xfcnf.png: 8  ")


def test_the_picture_shows_what_the_network_saw(tmp_path: Path) -> None:
    names = [str(FOLDER / "8_plain_008.png"), str(FOLDER / "3_plain_003.png")]
    assert predict(*names, "--show", str(tmp_path / "seen.png")).returncode == 0
    with Image.open(tmp_path / "seen.png") as image:
        assert image.width > 200
    assert predict(*names, "--show", str(tmp_path / "none" / "seen.png")).returncode == 0
    for name in ("", str(tmp_path)):
        result = predict(*names, "--show", name)
        assert result.returncode == 2
        assert "Invalid value for '--show'" in result.stderr


def test_a_missing_a_damaged_and_a_foreign_model_are_one_line(tmp_path: Path) -> None:
    picture = str(FOLDER / "8_plain_008.png")
    result = predict(picture, "--model", str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {tmp_path}: has no model that can be read")
    assert "dvc repro export" in result.stderr
    (tmp_path / "model.json").write_text((MODEL / "model.json").read_text())
    (tmp_path / "model.onnx").write_bytes((MODEL / "model.onnx").read_bytes()[:-9])
    assert "its SHA-256 is not the one in model.json" in predict(picture, "--model", str(tmp_path)).stderr
    (tmp_path / "model.json").write_text('{"hello": 1}')
    assert "lacks dataset, training, temperature, threshold" in predict(picture, "--model", str(tmp_path)).stderr


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for pictures, and a blue and a green one."""
    folder = export_means(tmp_path_factory.mktemp("colours"), RED_GREEN_BLUE)
    Image.new("RGB", (300, 200), (30, 40, 250)).save(folder / "sky.jpg")
    Image.new("RGB", (20, 200), (10, 120, 90)).save(folder / "grass.png")
    return folder


def test_pictures_are_answered_by_the_names_of_their_classes(colours: Path) -> None:
    sky, grass = answers("sky.jpg", "grass.png", "--model", ".", folder=colours)
    assert (sky["label"], sky["best"], sky["reason"], sky["box"]) == ("blue", "blue", None, None)
    assert (grass["best"], grass["second"]) == ("green", "blue")
    assert set(sky) == {"file", "label", "probability", "second", "second_probability", "best", "reason", "box"}
    lines = predict("*.jpg", "--model", ".", folder=colours).stdout.splitlines()
    assert lines == [f"sky.jpg: blue  {100 * sky['probability']:.1f} %  second green, 0.0 %"]


def test_a_blank_picture_is_a_picture(colours: Path) -> None:
    Image.new("L", (30, 20), 128).save(colours / "grey.png")
    (row,) = answers("grey.png", "--model", ".", folder=colours)
    assert row["label"] is None
    assert row["probability"] == pytest.approx(1 / 3)
    assert row["reason"].startswith("unsure: ")
    text = predict("grey.png", "--model", ".", folder=colours).stdout
    assert re.match(r"grey\.png: unsure  (red|green|blue)\? 33\.3 %  second (red|green|blue), 33\.3 %\n$", text)


def test_a_line_is_no_matter_of_pictures(colours: Path) -> None:
    result = predict("sky.jpg", "--line", "--model", ".", folder=colours)
    assert (result.returncode, result.stdout) == (1, "")
    assert re.match(r"error: --line looks for signs written on paper.*takes each image as a whole.*\n$", result.stderr)


def test_the_picture_shows_pictures_in_their_colours(colours: Path) -> None:
    result = predict("sky.jpg", "grass.png", "--show", "seen.png", "--model", ".", folder=colours)
    assert result.returncode == 0, result.stderr
    with Image.open(colours / "seen.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    assert (abs(pixels - (30, 40, 250)).max(1) < 12).sum() > 500


@pytest.mark.parametrize(
    ("classes", "preparation", "thing"),
    [
        ("0123456789", "mnist", "digit"),
        ("01", "mnist", "digit"),
        ("abc", "mnist", "character"),
        ("01", "resize", "picture"),
    ],
)
def test_what_is_shown_has_a_name(classes: str, preparation: str, thing: str) -> None:
    image = ImageSpec(height=28, width=28, channels=1, classes=tuple(classes), preparation=preparation)
    assert thing_shown(image) == thing
    assert nothing_found(image) == f"no {thing} found"


@pytest.mark.parametrize("module", ["torch", "sklearn", "dvc", "matplotlib"])
def test_answers_need_nothing_heavy(module: str) -> None:
    modules = "digitrec.reading.answers, digitrec.reading.exported, digitrec.cli"
    code = f"import sys, {modules}; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
