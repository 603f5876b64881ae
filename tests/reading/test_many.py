"""Many pictures answered in parts: each once, whatever is killed."""

import csv
import dataclasses
import fcntl
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from digitrec.cli import main
from digitrec.errors import DigitrecError
from digitrec.reading import many
from tests.dask_cluster import Cluster
from tests.exported import RED_GREEN_BLUE, export_means
from tests.reading.gates import PATIENCE, Gate
from tests.reading.test_reader import cover_of, paper

DIGITREC = [sys.executable, "-c", "from digitrec.cli import main; main(prog_name='digitrec')"]
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def content(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (6, 4), COLOURS[colour]).save(file, "png")
    return file.getvalue()


CONTENTS = {colour: content(colour) for colour in COLOURS}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a network of colours in `model`, and in `own`, at two depths, pictures named after theirs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITREC_JOBS", "1")
    monkeypatch.delenv("DIGITREC_SCHEDULER", raising=False)
    export_means(tmp_path / "model", RED_GREEN_BLUE)
    for number in range(300):
        colour = tuple(COLOURS)[number % 3]
        path = tmp_path / "own" / (f"{number % 7}" if number % 2 else ".") / f"{number:03}_{colour}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENTS[colour])
    return tmp_path


def predict(*arguments: str) -> Result:
    command = ["predict", "--model", "model", *arguments]
    return CliRunner().invoke(main, command, prog_name="digitrec", catch_exceptions=False)


def rows_of(out: Path) -> list[dict[str, str]]:
    parts = sorted(out.glob("part-*.csv"))
    return [row for part in parts for row in csv.DictReader(part.read_text().splitlines())]


def assert_all_answered_once(out: Path, own: Path) -> None:
    rows = rows_of(out)
    assert sorted(row["file"] for row in rows) == sorted(str(path) for path in own.rglob("*.png"))
    assert all(row["label"] == row["file"].removesuffix(".png").rpartition("_")[2] for row in rows)


def test_each_picture_of_a_folder_at_any_depth_has_one_row(here: Path) -> None:
    (here / "own/notes.txt").write_text("no picture")
    (here / "own/.hidden").mkdir()
    (here / "own/.hidden/a.png").write_bytes(b"")
    shown = predict("own", "--out", "answers", "--part", "64")
    assert (shown.exit_code, shown.stdout) == (0, "answers: 300 images are answered\n")
    shutil.rmtree(here / "own/.hidden")
    assert_all_answered_once(Path("answers"), Path("own"))
    assert [len(part.read_text().splitlines()) for part in sorted(Path("answers").glob("part-*"))] == [65] * 4 + [45]


def test_answers_are_those_that_the_command_prints(here: Path) -> None:
    predict("own", "--out", "answers", "--json")
    lines = [line for part in Path("answers").glob("part-*.jsonl") for line in part.read_text().splitlines()]
    rows = sorted(map(json.loads, lines), key=lambda row: row["file"])
    assert not any(row.pop("error") for row in rows)
    assert rows == json.loads(predict("own", "--json").stdout)


def test_a_picture_that_cannot_be_read_is_a_row_with_its_error(here: Path) -> None:
    Path("own/000_red.png").write_bytes(b"hello")
    Path("list").write_text('own/001_green.png\nown/000_red.png\r\n\nnowhere/a, "b".png\nown/a\0b.png\n')
    shutil.copy("own/1/001_green.png", "own/001_green.png")
    shown = predict("--list", "list", "--out", "answers")
    assert (shown.exit_code, shown.stdout) == (0, "answers: 4 images are answered; 3 could not be read\n")
    green, damaged, missing, nul = rows_of(Path("answers"))
    assert (green["label"], green["error"]) == ("green", "")
    assert (damaged["label"], damaged["reason"]) == ("", "")
    assert damaged["error"].startswith("own/000_red.png: is no image")
    assert missing["file"] == 'nowhere/a, "b".png'
    assert missing["error"].endswith("cannot be read: No such file or directory")
    assert nul["error"].endswith("cannot be read: embedded null byte")


def test_names_of_any_bytes_are_read(here: Path) -> None:
    name = os.fsdecode(b"own/new\nline \xff.png")
    shutil.copy("own/000_red.png", name)
    Path("answers").mkdir()
    predict(name, "--out", "answers")
    (part,) = Path("answers").glob("part-*.csv")
    (row,) = csv.DictReader(io.StringIO(part.read_text()))
    assert (row["file"], row["label"]) == ("own/new\nline \\udcff.png", "red")


def test_what_is_answered_is_not_read_again(here: Path) -> None:
    predict("own", "--out", "answers", "--part", "50")
    before = {path: path.stat().st_mtime_ns for path in Path("answers").iterdir() if path.name != many.LOCK}
    shutil.rmtree("own")
    shown = predict("own", "--out", "answers", "--part", "50")
    assert shown.stdout == (
        "answers: 300 images are answered, 300 of them before (those that answers/pictures.jsonl lists)\n"
    )
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_part_that_was_lost_is_answered_again_and_no_other(here: Path) -> None:
    predict("own", "--out", "answers", "--part", "50")
    for path in Path("answers").glob("part-*"):
        os.utime(path, (1, 1))
    Path("answers/part-0000005.csv").unlink()
    assert "300 images are answered, 250 of them before" in predict("own", "--out", "answers", "--part", "50").stdout
    assert [path.name for path in Path("answers").glob("part-*") if path.stat().st_mtime > 1] == ["part-0000005.csv"]
    assert_all_answered_once(Path("answers"), Path("own"))


def test_another_question_to_the_same_folder_is_refused(here: Path) -> None:
    predict("own", "--out", "answers")
    for arguments, differing in (
        (("own/1",), "images"),
        (("own", "--json"), "form"),
        (("own", "--part", "7"), "pictures_in_a_part"),
    ):
        shown = predict(*arguments, "--out", "answers")
        assert shown.exit_code == 1
        assert f"answers: holds answers of another run ({differing} differ: see answers/run.json)" in shown.stderr
    export_means(here / "model", RED_GREEN_BLUE.model_copy(update={"classes": ("r", "g", "b")}))
    assert "(model_sha256 differ: " in predict("own", "--out", "answers").stderr


def test_a_folder_with_something_else_or_with_a_run_at_work_is_refused(here: Path) -> None:
    assert "model: holds model.json, expected an empty folder" in predict("own", "--out", "model").stderr
    predict("own", "--out", "answers")
    with open(f"answers/{many.LOCK}") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "answers: another run writes answers there" in predict("own", "--out", "answers").stderr


def test_a_folder_without_a_picture_or_no_folder_at_all_is_one_message(here: Path) -> None:
    (here / "empty").mkdir()
    assert predict("empty", "--out", "answers").stderr.startswith("error: empty: this folder holds no image")
    Path("list").touch()
    assert "got no picture" in predict("--list", "list", "--out", "answers").stderr
    assert predict("--out", "answers").exit_code == 2
    assert predict("own", "--out", "answers", "--show", "a.png").exit_code == 2
    assert predict("-", "--out", "answers").exit_code == 2
    # What these left is no hindrance.
    assert predict("own", "--out", "answers").exit_code == 0


def test_a_picture_on_which_the_reader_fails_costs_no_other(here: Path) -> None:
    export_means(here / "model", RED_GREEN_BLUE, fails_on_red=True)
    shown = predict("own", "--out", "answers")
    assert shown.stdout == "answers: 300 images are answered; 100 could not be read\n"
    rows = rows_of(Path("answers"))
    assert {row["label"] for row in rows if not row["error"]} == {"green", "blue"}
    assert all("_red.png: cannot be answered: " in row["error"] for row in rows if row["error"])


def test_pages_are_rows_of_their_texts(here: Path) -> None:
    Image.fromarray(paper(cover_of(["253", "746"]))).save("page.png")
    Image.fromarray(np.full((90, 120), 240, np.uint8)).save("blank.png")
    shown = CliRunner().invoke(main, ["read", "page.png", "blank.png", "none.png", "--out", "answers"])
    assert (shown.exit_code, shown.stdout) == (0, "answers: 3 images are answered; 1 could not be read\n")
    page, blank, none = rows_of(Path("answers"))
    assert (page["text"], page["digits"], page["unsure"], page["error"]) == ("253 746", "6", "0", "")
    assert (blank["text"], blank["reason"]) == ("", "no digit found")
    assert none["error"].endswith("none.png: cannot be read: No such file or directory")


@pytest.fixture
def gates(here: Path) -> list[Gate]:
    """`list`, of all pictures in parts of ten; a reader stops in the third part and in the fourth."""
    names = sorted(str(path) for path in Path("own").rglob("*.png"))
    Path("list").write_text("\n".join(names))
    stops = [names[25], names[35]]
    for name in stops:
        Path(name).unlink()
    return [Gate(Path(name)) for name in stops]


def _open(gates: list[Gate]) -> None:
    for gate in gates:
        gate.become(CONTENTS[gate.path.stem.rpartition("_")[2]])


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(gates: list[Gate]) -> None:
    command = [*DIGITREC, "predict", "--model", "model", "--list", "list", "--out", "answers", "--part", "10"]
    with subprocess.Popen(command, env=os.environ | {"DIGITREC_JOBS": "2"}) as process:
        # Both of its processes are in the middle of a part.
        for gate in gates:
            gate.wait_for_reader()
        end = time.monotonic() + PATIENCE
        while not Path("answers/part-0000001.csv").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(workers, PATIENCE)
    finished = {path: path.stat().st_mtime_ns for path in Path("answers").glob("part-*")}
    assert [path.name for path in sorted(finished)] == ["part-0000000.csv", "part-0000001.csv"]
    _open(gates)
    shown = predict("--list", "list", "--out", "answers", "--part", "10")
    assert "300 images are answered, 20 of them before" in shown.stdout
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert_all_answered_once(Path("answers"), Path("own"))


@pytest.mark.slow
def test_a_process_that_is_killed_is_a_message_and_the_next_run_goes_on(gates: list[Gate]) -> None:
    command = [*DIGITREC, "predict", "--model", "model", "--list", "list", "--out", "answers", "--part", "10"]
    environment = os.environ | {"DIGITREC_JOBS": "2"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        for gate in gates:
            gate.wait_for_reader()
        children = [
            (child, " ".join(child.cmdline())) for child in psutil.Process(process.pid).children(recursive=True)
        ]
        next(child for child, line in children if "loky" in line and "resource_tracker" not in line).kill()
        errors = process.communicate(timeout=PATIENCE)[1]
    assert "error: a process that was reading was killed" in errors
    assert "Traceback" not in errors
    _open(gates)
    assert predict("--list", "list", "--out", "answers", "--part", "10").exit_code == 0
    assert_all_answered_once(Path("answers"), Path("own"))


@pytest.mark.slow
def test_pictures_are_answered_by_a_cluster_also_when_a_worker_is_killed(gates: list[Gate], dask: Cluster) -> None:
    workers = [dask.start_worker() for _ in range(2)]
    command = [*DIGITREC, "predict", "--model", "model", "--list", "list", "--out", "answers", "--part", "10"]
    environment = os.environ | {"DIGITREC_SCHEDULER": dask.address}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for gate in gates:
            gate.wait_for_reader()
        workers[0].kill()
        _open(gates)
        for gate in gates:
            gate.let_go(CONTENTS[gate.path.stem.rpartition("_")[2]])
        shown = process.communicate(timeout=PATIENCE)[0]
    assert (process.returncode, shown) == (0, "answers: 300 images are answered\n")
    assert_all_answered_once(Path("answers"), Path("own"))


@pytest.mark.slow
def test_a_worker_that_sees_other_pictures_or_has_another_model_is_refused(
    here: Path, dask: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    dask.start_worker()
    monkeypatch.setenv("DIGITREC_SCHEDULER", dask.address)
    # A file that is another in each process.
    shown = predict("/proc/self/cmdline", "--out", "answers")
    assert shown.exit_code == 1
    assert "is not like this process: picture /proc/self/cmdline has SHA-256" in shown.stderr
    other = export_means(here / "other", RED_GREEN_BLUE.model_copy(update={"classes": ("r", "g", "b")}))
    question = dataclasses.replace(many.ask("predict", Path("model"), ["own"]), model=str(other))
    with pytest.raises(DigitrecError, match=r"^worker tcp://\S+: .*other: holds another model than at the start"):
        many.answer_many(Path("others"), question, ["own/000_red.png"])
