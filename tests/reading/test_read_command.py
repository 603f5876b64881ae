import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from digitrec.reading.page_answers import table_of
from tests.conftest import ROOT
from tests.exported import RED_GREEN_BLUE, export_means
from tests.reading.test_reader import cover_of, paper

# Most start the command, which takes a second.
pytestmark = pytest.mark.slow


def digitrec(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from digitrec.cli import main; main(prog_name='digitrec')"]
    model = [] if "--model" in arguments else ["--model", str(ROOT / "src/digitrec/pretrained")]
    return subprocess.run([*command, *arguments, *model], cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    Image.fromarray(paper(cover_of(["253", "746"]))).save(folder / "page.png")
    Image.fromarray(paper(cover_of(["25 35", "74 86"], gap=12))).save(folder / "table.png")
    Image.fromarray(np.full((90, 120), 240, np.uint8)).save(folder / "blank.png")
    return folder


def test_a_page_is_a_line_of_text_for_each_row(pages: Path) -> None:
    result = digitrec("read", "page.png", folder=pages)
    assert (result.returncode, result.stdout, result.stderr) == (0, "253\n746\n", "")


def test_several_pages_are_told_apart_by_their_names_and_a_folder_is_its_images(pages: Path) -> None:
    result = digitrec("read", ".", folder=pages)
    assert result.returncode == 0
    assert "page.png: 253\npage.png: 746\n" in result.stdout
    assert "blank.png: no digit found" in result.stderr


def test_json_holds_rows_of_digits_with_boxes_and_what_is_no_digit(pages: Path) -> None:
    (page,) = json.loads(digitrec("read", "page.png", "--json", folder=pages).stdout)
    assert set(page) == {"file", "text", "rows", "others", "turned", "reason"}
    assert [[digit["best"] for digit in row] for row in page["rows"]] == [["2", "5", "3"], ["7", "4", "6"]]
    assert set(page["rows"][0][0]) <= {"box", "best", "probability", "second", "second_probability", "unsure"}
    (blank,) = json.loads(digitrec("read", "blank.png", "--json", folder=pages).stdout)
    assert (blank["rows"], blank["text"], blank["reason"]) == ([], [], "no digit found")


def test_a_table_is_csv(pages: Path) -> None:
    assert digitrec("read", "table.png", "--csv", folder=pages).stdout == "25,35\n74,86\n"
    result = digitrec("read", "table.png", "--csv", "--json", folder=pages)
    assert (result.returncode, result.stdout) == (2, "")


def test_a_table_of_a_turned_page_has_the_same_cells(tmp_path: Path) -> None:
    table = paper(cover_of(["25 35", "74 86"], gap=12))
    for quarters in range(4):
        Image.fromarray(np.rot90(table, quarters).copy()).save(tmp_path / f"{quarters}.png")
    lines = digitrec("read", ".", "--csv", folder=tmp_path).stdout.splitlines()
    assert lines == [f"{quarters}.png,{row}" for quarters in range(4) for row in ("25,35", "74,86")]


def test_boxes_are_drawn_over_the_page(pages: Path) -> None:
    assert digitrec("read", "page.png", "--show", "out/seen.png", folder=pages).returncode == 0
    with Image.open(pages / "out/seen.png") as seen, Image.open(pages / "page.png") as page:
        assert seen.size == page.size
        assert np.ptp(np.asarray(seen.convert("RGB")).astype(int), axis=2).max() > 60


def test_without_standard_output_boxes_are_still_drawn(pages: Path, tmp_path: Path) -> None:
    script = "import sys; sys.stdout = None; from digitrec.cli import main; main(sys.argv[1:])"
    shown = tmp_path / "seen.png"
    result = subprocess.run([sys.executable, "-c", script, "read", "page.png", "--show", shown], cwd=pages)
    assert result.returncode == 0
    assert shown.exists()


def test_a_page_without_digits_says_so_and_is_no_failure(pages: Path) -> None:
    result = digitrec("read", "blank.png", folder=pages)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "blank.png: no digit found\n")


def test_what_cannot_be_read_is_one_line(pages: Path) -> None:
    result = digitrec("read", "none.png", folder=pages)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: none.png: cannot be read: No such file or directory\n"
    long = "x" * 300 + ".png"
    assert digitrec("read", long, folder=pages).stderr == f"error: {long}: cannot be read: File name too long\n"
    (pages / "empty").mkdir(exist_ok=True)
    assert digitrec("read", "empty", folder=pages).stderr.startswith("error: empty: this folder holds no image")


def test_predict_says_that_there_are_several_digits_and_reads_them_with_line(pages: Path) -> None:
    Image.fromarray(paper(cover_of(["42"]))).save(pages / "two.png")
    result = digitrec("predict", "two.png", folder=pages)
    assert result.stdout == "two.png: 2 digits found, expected one: `digitrec read` reads them all\n"
    lines = digitrec("predict", "two.png", "--line", folder=pages).stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["4", "2"]


def test_a_network_for_pictures_reads_no_pages(tmp_path: Path) -> None:
    export_means(tmp_path, RED_GREEN_BLUE)
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    result = digitrec("read", "a.png", "--model", ".", folder=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("error: read looks for signs written on paper")
    assert result.stderr.count("\n") == 1


def test_two_hundred_pages_of_a_folder_are_read(tmp_path: Path) -> None:
    page = paper(cover_of(["253", "746"]))
    for number in range(200):
        cv2.imwrite(str(tmp_path / f"{number:03}.png"), page)
    result = digitrec("read", ".", folder=tmp_path)
    assert result.returncode == 0
    assert result.stdout.count("\n") == 400


def test_cells_of_a_row_that_has_fewer_stand_under_those_of_the_others() -> None:
    def row(*lefts: int) -> list[dict]:
        return [{"box": [left, 0, left + 20, 30], "best": str(k)} for k, left in enumerate(lefts)]

    assert table_of([row(0, 24, 200), row(202), []]) == [["01", "2"], ["", "0"], ["", ""]]
