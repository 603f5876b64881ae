import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from digitrec.figures.style import first_classes, folded, plain_style, save_figure, shortened, text_width

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in (ROOT / "src/digitrec/figures").glob("[a-z]*.py"))


def _python(code: str, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_figures_and_the_stages_that_draw_import_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {MODULES}: importlib.import_module(f'digitrec.figures.{{name}}')\n"
        f"sys.path.insert(0, {str(ROOT / 'stages')!r})\n"
        "import draw_data, draw_results\n"
        "print({'torch', 'sklearn', 'skorch', 'matplotlib.pyplot'} & set(sys.modules))"
    )
    assert _python(code).strip() == "set()"


@pytest.mark.slow
def test_a_person_s_matplotlibrc_and_backend_change_no_byte(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text(
        "figure.dpi: 37\nfont.size: 22\naxes.facecolor: black\nsavefig.facecolor: red\naxes.grid: True\n"
        "lines.linewidth: 9\nfont.family: serif\ntext.usetex: True\nsavefig.pad_inches: 2\nimage.cmap: jet\n"
    )
    code = (
        "from pathlib import Path\n"
        "from digitrec.figures.history import history_figure\n"
        "from digitrec.figures.style import save_figure\n"
        "row = dict(train_loss=1, valid_loss=2, train_accuracy=0.5, valid_accuracy=0.4)\n"
        "save_figure(history_figure([dict(row, epoch=k) for k in (1, 2, 3)]), Path({!r}))"
    )
    plain, changed = tmp_path / "plain.png", tmp_path / "changed.png"
    _python(code.format(str(plain)))
    _python(code.format(str(changed)), MATPLOTLIBRC=str(tmp_path), MPLBACKEND="no_such_backend")
    assert plain.read_bytes() == changed.read_bytes()


def test_a_known_backend_is_left_as_it_was_asked_for() -> None:
    code = "import digitrec.figures, matplotlib, os; print(matplotlib.rcParams['backend'], os.environ['MPLBACKEND'])"
    assert _python(code, MPLBACKEND="svg").split() == ["svg", "svg"]


def test_the_style_ends_with_its_block() -> None:
    with matplotlib.rc_context({"font.size": 3}):
        with plain_style():
            assert matplotlib.rcParams["font.size"] == 10
        assert matplotlib.rcParams["font.size"] == 3


def test_a_dollar_in_a_name_is_a_dollar(tmp_path: Path) -> None:
    with plain_style():
        figure = Figure()
        figure.subplots().set_title("from $5 to $x_^$")
    save_figure(figure, tmp_path / "dollar.png")
    assert (tmp_path / "dollar.png").stat().st_size > 1000


def test_characters_that_no_font_has_are_named_once(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with plain_style():
        figure = Figure()
        figure.text(0.5, 0.5, "known \ue123 \ue123")
    save_figure(figure, tmp_path / "private.png")
    captured = capsys.readouterr()
    assert captured.out.startswith("private.png: no font here has \ue123, drawn as boxes")
    assert "known" not in captured.out
    assert captured.err == ""


def test_a_failed_write_leaves_the_earlier_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("earlier")
    with pytest.raises(AttributeError):
        save_figure(None, tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_text() == "earlier"


@pytest.mark.parametrize(
    ("name", "short"),
    [("seven", "seven"), ("x" * 24, "x" * 24), ("Armenian/" + "k" * 40 + "/last", "Armenian/kk…kkkkkkk/last")],
)
def test_long_names_lose_their_middle(name: str, short: str) -> None:
    assert shortened(name) == short


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("7", "7"),
        ("Greek/alpha", "Greek/alpha"),
        ("Greek/character03", "Greek/\ncharacter03"),
        ("Japanese_(katakana)/character47", "Japane…akana)/\ncharacter47"),
        ("a_name_without_a_folder", "a_name…_folder"),
    ],
)
def test_long_names_break_after_their_folder(name: str, lines: str) -> None:
    assert folded(name) == lines


def test_text_is_as_wide_as_its_longest_line() -> None:
    assert text_width("ab\nabcdef", 8) == text_width("abcdef", 8) == pytest.approx(2 * text_width("abcdef", 4), rel=0.1)
    # Characters that the font lacks have a width too.
    assert text_width("漢字", 8) == pytest.approx(2 * 8 / 72, rel=0.2)


def test_a_title_says_when_classes_are_left_out() -> None:
    assert first_classes(["a"] * 40, 40) == ""
    assert first_classes(["a"] * 136, 40) == ": the first 40 of 136 classes"
