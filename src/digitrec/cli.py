"""The command `digitrec`."""

import csv
import glob
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import click

from digitrec import EXTRA
from digitrec.data.folder_listing import SUFFIXES
from digitrec.errors import DigitrecError, ParamsError
from digitrec.pipeline.environment import jobs_from_environment
from digitrec.reading.exports import commit_of, model_folder
from digitrec.spec import FolderSpec

MODEL = click.option(
    "--model",
    "folder",
    type=click.Path(path_type=Path),
    default=model_folder,
    show_default="data/export, and where there is none the pretrained one",
    help="Folder that stage `export` wrote.",
)
IMAGES = click.argument("images", nargs=-1, metavar="IMAGE...")
LIST = click.option(
    "--list",
    "listed",
    type=click.File(encoding="utf-8", errors="surrogateescape"),
    metavar="FILE",
    help="More images, the name of one on each line.",
)
OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write answers there, in parts (CSV, or JSON lines with --json): for any number of images, by all cores or by "
    "the Dask cluster that DIGITREC_SCHEDULER names. After an interruption, the same command goes on.",
)
PART = click.option("--part", type=click.IntRange(1), help="Images in a part of --out.  [default: 1000, pages 100]")
# Of the current folder; and the project's own, a link to it, which a wheel brings along.
PARAMS, OWN_PARAMS = Path("params.yaml"), Path(__file__).parent / "config/params.yaml"


def _plainly(command: Callable[..., Any]) -> Callable[..., Any]:
    """A user's mistake ends in one line."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            # A file's name may hold what the terminal's encoding does not; closed before the start, there is no stdout.
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(errors="backslashreplace")
            return command(*arguments, **options)
        except DigitrecError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(error.exit_status)
        except ModuleNotFoundError as error:
            extra = "pip install 'digitrec[cluster]'" if error.name == "distributed" else EXTRA
            print(f"error: this needs {error.name}: {extra}", file=sys.stderr)
            sys.exit(1)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Images of known classes, handwritten digits before all: say what they show."""


@main.command()
@IMAGES
@LIST
@OUT
@PART
@click.option("--line", is_flag=True, help="Each image holds several digits: all are answered, row by row.")
@click.option("--json", "as_json", is_flag=True, help="A list of answers as JSON.")
@click.option(
    "--show",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT.PNG",
    help="Draw what the network saw.",
)
@MODEL
@_plainly
def predict(
    images: tuple[str, ...],
    listed: TextIO | None,
    out: Path | None,
    part: int | None,
    line: bool,
    as_json: bool,
    show: Path | None,
    folder: Path,
) -> None:
    """Say what each IMAGE shows, which of the classes that the model knows.

    Handwriting may be a photograph, scan or drawing, dark on light or light on dark.

    PNG, JPEG, BMP, WebP, TIFF, GIF, HEIC, AVIF, JPEG 2000 or PNM of at most 70 megapixels. A folder stands for all
    images in it, at any depth, a pattern such as 'photos/*.png' for the files that match, `-` for standard input.
    Answers that are less probable than the model's threshold are `unsure`.
    The exit status is 1 where a file could not be read; the others are answered nevertheless. With --out that is told
    in the file's row, and the status is 0.
    """
    # What takes time to import is imported by the command that needs it.
    from digitrec.pipeline.progress import progress_bar
    from digitrec.reading.answers import answer_images, text_of
    from digitrec.reading.exported import ExportedNetwork

    if show and not show.name:
        raise click.BadParameter(f"got '{show}', expected a file's name", param_hint="'--show'")
    if out:
        _answer_many(out, "predict", folder, images, listed, part, as_json, show, line)
        return
    network = ExportedNetwork(folder)
    if line:
        network.check_reads("--line")
    names = list(_names(images, listed))
    answers = []
    # Standard output is for the answers; few files need no bar.
    with progress_bar(len(names), "images", unit="image", delay=3, leave=False) as bar:
        done = ""
        for row, seen in answer_images(network, _contents(names), line):
            answers.append((row, seen))
            if row["error"]:
                print(f"error: {row['reason']}", file=sys.stderr)
            elif not as_json:
                box = f"  at {','.join(map(str, row['box']))}" if line and seen else ""
                print(f"{row['file']}: {text_of(row)}{box}")
            bar.update(row["file"] != done)
            done = row["file"]
    rows = [row for row, _ in answers]
    if as_json:
        print(json.dumps([{key: value for key, value in row.items() if key != "error"} for row in rows], indent=1))
    if show:
        from digitrec.figures.answers import answers_figure
        from digitrec.figures.style import save_figure

        save_figure(answers_figure(answers), show)
    sys.exit(1 if any(row["error"] for row in rows) else 0)


@main.command()
@IMAGES
@LIST
@OUT
@PART
@click.option("--json", "as_json", is_flag=True, help="Pages of rows of digits, with boxes and probabilities, as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="A table: digits that stand far apart are in columns of their own.")
@click.option(
    "--show",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT.PNG",
    help="Draw boxes and answers over the page; of several pages, the first is OUT-1.PNG.",
)
@MODEL
@_plainly
def read(
    images: tuple[str, ...],
    listed: TextIO | None,
    out: Path | None,
    part: int | None,
    as_json: bool,
    as_csv: bool,
    show: Path | None,
    folder: Path,
) -> None:
    """Read all handwritten digits on each IMAGE: rows from top to bottom, a line of text each.

    An IMAGE may be a folder, which stands for all images in it, at any depth, a pattern such as 'photos/*.png', or `-`
    for standard input. Digits that are less probable than the model's threshold are `?`; what is no digit is left out,
    and listed with --json. On a page without digits nothing is printed but a word on standard error.
    The exit status is 1 where a file could not be read. With --out that is told in the file's row, and the status is 0.
    """
    from digitrec.pipeline.progress import progress_bar
    from digitrec.reading.exported import ExportedNetwork
    from digitrec.reading.page_answers import read_pages, save_drawn, table_of

    if as_json and as_csv:
        raise click.UsageError("got both --json and --csv, expected one of them")
    if show and not show.name:
        raise click.BadParameter(f"got '{show}', expected a file's name", param_hint="'--show'")
    if out:
        _answer_many(out, "read", folder, images, listed, part, as_json, show)
        return
    network = ExportedNetwork(folder)
    network.check_reads("read")
    names = list(_names(images, listed))
    pages, table = [], csv.writer(sys.stdout or io.StringIO(), lineterminator="\n")
    with progress_bar(len(names), "pages", unit="page", delay=3, leave=False) as bar:
        for number, (page, grey) in enumerate(read_pages(network, _contents(names)), 1):
            pages.append(page)
            if page["error"]:
                print(f"error: {page['reason']}", file=sys.stderr)
            elif page["reason"]:
                print(f"{page['file']}: {page['reason']}", file=sys.stderr)
            if as_csv:
                rows = table_of(page["rows"], page["turned"])
                table.writerows([page["file"], *row] if len(names) > 1 else row for row in rows)
            elif not as_json:
                for text in page["text"]:
                    print(f"{page['file']}: {text}" if len(names) > 1 else text)
            if show and grey is not None:
                save_drawn(grey, page, show.with_stem(f"{show.stem}-{number}") if len(names) > 1 else show)
            bar.update()
    if as_json:
        print(json.dumps([{key: value for key, value in page.items() if key != "error"} for page in pages], indent=1))
    sys.exit(1 if any(page["error"] for page in pages) else 0)


@main.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 stands for all of IPv4, :: for all of IPv4 and IPv6.",
)
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="Port; 0: one that is free."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=lambda: min(4, jobs_from_environment()),
    show_default="one a core, 4 at most",
    help="Processes that answer.",
)
@click.option(
    "--root-path", default="", metavar="PATH", help="Path that a proxy puts before those of the service, as /digits."
)
@click.option("--access-log", "logged", is_flag=True, help="Write a line of JSON for each request.")
@MODEL
@_plainly
def serve(host: str, port: int, workers: int, root_path: str, logged: bool, folder: Path) -> None:
    """Answer images over HTTP, with a page to draw or to show pictures on, until Ctrl-C.

    Whoever reaches the address may ask: there are no passwords and no encryption.
    """
    from digitrec.serve.server import serve as run

    run(folder, host, port, workers, root_path, logged)


@main.command()
@MODEL
@_plainly
def model(folder: Path) -> None:
    """Say which model is used, how accurate it is, and where it is from."""
    from digitrec.reading.exported import ExportedNetwork

    about = ExportedNetwork(folder).description
    low, high = (f"{100 * end:.2f}" for end in about.accuracy_ci95)
    print(f"{folder}: {about.training.model}, trained on {about.dataset.title} ({about.dataset.image})")
    print(f"test accuracy {about.accuracy:.2%} (95 % interval {low} to {high}; {about.errors} errors in {about.n:,})")
    print(f"answers less probable than {about.threshold:.2%} are unsure")
    commit = commit_of(folder)
    print(f"of commit {commit}" if commit else "of an unknown commit: clones and wheels of `make wheel` tell it")
    print(f"the model card is {folder / 'README.md'}")


def _side(context: click.Context, option: click.Parameter, value: str | None) -> str | int | None:
    return int(value) if value and value.isdecimal() else value


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--height", callback=_side, metavar="PIXELS|auto", help="Height that images are brought to.")
@click.option("--width", callback=_side, metavar="PIXELS|auto", help="Width that images are brought to.")
@click.option("--colour", metavar="auto|grey|rgb", help="Whether images keep their colours.")
@click.option("--test-share", type=float, help="Share of the images that is held out for the test.")
@click.option("--seed", type=int, help="Of the choice of test images.")
@click.option("--skip-damaged/--no-skip-damaged", default=None, help="Whether damaged images are left out.")
@_plainly
def check(folder: Path, **options: Any) -> None:
    """Say what a FOLDER of your own images holds, and what keeps it from being a dataset.

    Classes are folders, or a file `labels.csv` names them. An option that is left out is as in section `folder` of
    params.yaml in the current folder, or else in the project's. The exit status is 1 where something must be mended
    first.
    """
    from digitrec.config.yaml import read_yaml
    from digitrec.data.folder_report import check_folder

    own, here = (read_yaml(path) if path.exists() else {} for path in (OWN_PARAMS, PARAMS))
    # A mistake elsewhere in the file is for the stages to tell.
    folds = _section(here, "search").get("cv")
    share = _section(_section(here, "recipes"), here.get("recipe")).get("valid_fraction")
    section = _section(own, "folder") | _section(here, "folder")
    report = check_folder(
        _folder_spec(folder, section, options),
        least=folds if isinstance(folds, int) else 2,
        valid_fraction=share if isinstance(share, float) and 0 < share < 1 else 0.0,
    )
    print(report.text())
    sys.exit(1 if report.fatal else 0)


def _section(values: dict[str, Any], name: Any) -> dict[str, Any]:
    """Give a section of params.yaml, an empty one where there is none."""
    section = values.get(name) if isinstance(name, str) else None
    return section if isinstance(section, dict) else {}


def _folder_spec(folder: Path, section: dict[str, Any], options: dict[str, Any]) -> FolderSpec:
    """Put together what the options say, then what params.yaml does."""
    from digitrec.config.section import check_values

    given = {name: value for name, value in options.items() if value is not None}
    spec, mistakes = check_values(FolderSpec, section | given | {"path": str(folder)})
    if spec is None:
        raise ParamsError(mistakes, "digitrec check")
    return spec


def _matching(pattern: str) -> list[str]:
    if pattern == "-" or os.path.exists(pattern):  # noqa: PTH110
        return [pattern]
    # Of any depth and also from the root, which Path.glob does not take.
    return sorted(glob.glob(pattern, recursive=True)) or [pattern]  # noqa: PTH207


def _names(images: Iterable[str], listed: TextIO | None, ordered: bool = True) -> Iterator[str]:
    """Give the images that arguments and a list stand for; those of a folder one by one, or in order."""
    if not images and not listed:
        raise click.UsageError("Missing argument 'IMAGE...', or --list.")
    lines = (line.rstrip("\r\n") for line in listed or ())
    return chain((name for pattern in images for name in _files(pattern, ordered)), filter(None, lines))


def _files(pattern: str, ordered: bool) -> Iterator[str]:
    """Give the files that a pattern stands for; of a folder, its images."""
    from digitrec.reading.many import images_in

    for name in _matching(pattern):
        if name == "-" or not os.path.isdir(name):  # noqa: PTH112
            yield name
            continue
        none = True
        inside = images_in(name, SUFFIXES)
        for file in sorted(inside) if ordered else inside:
            none = False
            yield file
        if none:
            raise DigitrecError(f"{name}: this folder holds no image, expected {', '.join(sorted(SUFFIXES))}")


def _answer_many(
    out: Path,
    command: str,
    folder: Path,
    images: tuple[str, ...],
    listed: TextIO | None,
    size: int | None,
    as_json: bool,
    show: Path | None,
    line: bool = False,
) -> None:
    from digitrec.reading.many import NAMES, answer_many, ask

    if show or "-" in images:
        raise click.UsageError(f"got --out with {'--show' if show else 'standard input'}, expected one of them")
    asked = [*images, *([f"--list {listed.name}"] if listed else [])]
    names = _names(images, listed, ordered=False)
    found = answer_many(out, ask(command, folder, asked, line, "jsonl" if as_json else "csv"), names, size)
    before = f", {found.before:,} of them before (those that {out / NAMES} lists)" if found.before else ""
    unread = f"; {found.unread:,} could not be read" if found.unread else ""
    print(f"{out}: {found.pictures:,} images are answered{before}{unread}")


def _contents(names: list[str]) -> Iterator[tuple[str, Any]]:
    from digitrec.reading.decoding import ImageError, read_stream
    from digitrec.reading.many import content_of

    for name in names:
        if name != "-":
            yield name, content_of(Path(name))
            continue
        try:
            # None where it was closed before the start.
            yield "standard input", read_stream(sys.stdin.buffer, "standard input") if sys.stdin else b""
        except ImageError as error:
            yield "standard input", error
