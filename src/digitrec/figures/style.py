"""The look of all pictures: a person's matplotlibrc changes nothing, and the same numbers give the same bytes."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

from digitrec.pipeline.files import replacing

TRAIN, VALID = "#1f6f8b", "#d1603d"
# For characters that matplotlib's own font lacks: those of these fonts that are installed.
OTHER_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Arial Unicode MS",
)
# As wide as a picture may be, inches at 100 pixels each.
MOST_WIDTH = 11.0


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw in matplotlib's own style, as a block or as a decorator; names are text, also those with a `$`."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"font.family": _fonts(), "text.parse_math": False})
        # One a character; `save_figure` says it once.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


@cache
def _fonts() -> list[str]:
    installed = set(fontManager.get_font_names())
    return ["DejaVu Sans", *(font for font in OTHER_FONTS if font in installed)]


@cache
def _characters(font: str) -> frozenset[str]:
    return frozenset(map(chr, get_font(findfont(font)).get_charmap()))


@plain_style()
def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, 100 pixels an inch."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None})
    texts = {character for text in figure.findobj(Text) for character in text.get_text()} - {"\n"}
    if missing := texts.difference(*map(_characters, _fonts())):
        some = "".join(sorted(missing)[:20])
        print(f"{path.name}: no font here has {some}, drawn as boxes; install Noto Sans CJK or what has them")


def save_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write each figure under its name, and say where."""
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png")
    print(f"{len(figures)} pictures in {folder}")


def text_width(text: str, size: float) -> float:
    """Measure the longest line of a text.

    Parameters
    ----------
    text : str
    size : float
        Of the font, points.

    Returns
    -------
    float
        Inches.
    """
    font, known = FontProperties(family="DejaVu Sans", size=size), _characters("DejaVu Sans")
    # What the font lacks is about as wide as it is high.
    lines = ["".join(c if c in known else "□" for c in line) for line in text.split("\n")]
    return max(text_to_path.get_text_width_height_descent(line, font, False)[0] for line in lines) / 72


def shortened(name: str, most: int = 24) -> str:
    """Cut the middle of a name that is longer than `most` characters."""
    if len(name) <= most:
        return name
    head = (most - 1) // 2
    return f"{name[:head]}…{name[head + 1 - most :]}"


def folded(name: str, width: int = 14) -> str:
    """Break a name that is longer than `width` after its folder, and cut what is still longer."""
    if len(name) <= width:
        return name
    folder, slash, last = name.rpartition("/")
    lines = [folder + slash, last] if slash else [name]
    return "\n".join(shortened(line, width) for line in lines)


def first_classes(classes: Sequence[str], most: int) -> str:
    """Say, for the end of a title, that only the first `most` of so many classes are shown; nothing if all are."""
    return f": the first {most} of {len(classes)} classes" if len(classes) > most else ""
