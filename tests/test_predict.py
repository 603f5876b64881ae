import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitrec.predict import answer
from tests.conftest import ROOT
from tests.drawing import FOLDER, drawn

MODEL = ROOT / "data/export"


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
    result = predict(*arguments, "--json", **settings)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_at_least_98_per_cent_of_the_drawn_digits_are_right_with_the_committed_model() -> None:
    rows = answers(str(FOLDER / "*.png"))
    right = [row["digit"] == int(Path(row["file"]).name[0]) for row in rows]
    wrong = [row["file"] for row, good in zip(rows, right, strict=True) if not good and row["digit"] is not None]
    assert len(rows) >= 60
    assert np.mean(right) >= 0.98, wrong


def test_an_answer_has_digit_probability_second_and_box() -> None:
    (row,) = answers("tests/drawn/3_plain_003.png")
    assert row["file"] == "tests/drawn/3_plain_003.png"
    assert row["digit"] == 3
    assert row["probability"] > 0.95
    assert row["second"] != 3
    assert 0 <= row["second_probability"] <= 1 - row["probability"] + 1e-6
    assert row["reason"] is None
    left, top, right, bottom = row["box"]
    with Image.open(ROOT / row["file"]) as image:
        assert 0 <= left < right <= image.width
        assert 0 <= top < bottom <= image.height


def test_below_the_threshold_the_answer_is_unsure_and_says_why() -> None:
    row = answer(np.array([0, 0.1, 0, 0, 0, 0, 0, 0.9, 0, 0]), 0.95)
    assert (row["digit"], row["best"], row["second"]) == (None, 7, 1)
    assert row["reason"] == "unsure: 7 has probability 0.900, less than 0.950"
    assert answer(np.array([0.1, 0.9]), 0.9)["digit"] == 1


def test_an_image_without_ink_is_answered_by_no_digit_found(tmp_path: Path) -> None:
    Image.new("L", (60, 60), 255).save(tmp_path / "blank.png")
    (row,) = answers(str(tmp_path / "blank.png"))
    assert (row["digit"], row["box"], row["reason"]) == (None, None, "no digit found")
    assert predict("blank.png", folder=tmp_path).stdout == "blank.png: no digit found\n"


def test_a_line_is_read_from_left_to_right(tmp_path: Path) -> None:
    digits = [1, 2, 5, 0, 7]
    (tmp_path / "amount.png").write_bytes(drawn(3, digits, "plain")[1])
    rows = answers(str(tmp_path / "amount.png"), "--line")
    assert [row["digit"] for row in rows] == digits
    lines = predict("amount.png", "--line", folder=tmp_path).stdout.splitlines()
    assert [line.split()[1] for line in lines] == [str(digit) for digit in digits]
    assert all(" at " in line for line in lines)


def test_standard_input_is_read() -> None:
    content = (FOLDER / "8_plain_008.png").read_bytes()
    result = predict("-", "--json", input=content)
    (row,) = json.loads(result.stdout)
    assert (row["file"], row["digit"]) == ("standard input", 8)


def test_a_bad_file_is_one_line_and_the_others_are_answered(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    result = predict("empty.png", str(FOLDER / "8_plain_008.png"), ".", "none.png", folder=tmp_path)
    assert result.returncode == 1
    assert result.stdout.startswith(f"{FOLDER}/8_plain_008.png: 8  ")
    assert result.stdout.count("\n") == 1
    errors = result.stderr.splitlines()
    assert errors == [
        "error: empty.png: is empty (0 bytes), expected an image",
        "error: .: is a folder, expected an image file (for all in it: './*')",
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
    assert "lacks classes, sha256, threshold" in predict(picture, "--model", str(tmp_path)).stderr


@pytest.mark.parametrize("module", ["torch", "sklearn", "dvc", "matplotlib"])
def test_answers_need_nothing_heavy(module: str) -> None:
    code = f"import sys, digitrec.predict, digitrec.recognizer, digitrec.cli; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
