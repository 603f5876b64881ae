"""Answers to any number of pictures, as parts of a table in a folder: what is answered is not read again."""

import csv
import fcntl
import io
import json
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from hashlib import sha256
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2

from digitrec.errors import ArtifactError, DigitrecError
from digitrec.pipeline.environment import jobs_from_environment, scheduler_from_environment
from digitrec.pipeline.files import read_json, replacing, write_json
from digitrec.pipeline.jobs import side_by_side
from digitrec.pipeline.progress import progress_bar
from digitrec.reading.answers import BATCH, answer_images
from digitrec.reading.decoding import ImageError, read_file
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.exports import PRETRAINED
from digitrec.reading.page_answers import read_pages

# In the folder of the answers: the pictures, a name a line, and what is asked of them.
NAMES, RUN, LOCK = "pictures.jsonl", "run.json", ".lock"
# Pictures in a part: some seconds for one core, so that an interruption costs little, and files are not too many.
SINGLE, PAGES = 1000, 100
PREDICT_COLUMNS = ("file", "label", "probability", "second", "second_probability", "best", "box", "reason", "error")
READ_COLUMNS = ("file", "text", "digits", "unsure", "others", "turned", "reason", "error")
# Answers depend on them, besides the code and the model.
LIBRARIES = ("numpy", "onnxruntime", "opencv-python-headless", "pillow")


@dataclass(frozen=True)
class Question:
    """What is asked of each picture.

    Parameters
    ----------
    command : str
        `predict` or `read`.
    line : bool
        Whether `predict` answers several digits of a picture.
    form : str
        Of the parts: `csv` or `jsonl`.
    model : str
        The exported network's folder, '' for the one that comes with the package.
    model_sha256 : str
        Of what its `model.json` says, so that no other network answers.
    images : str
        What was asked of: folders, patterns and lists, so that a run does not go on with others.
    base : str
        The folder from which pictures are named.
    """

    command: str
    line: bool
    form: str
    model: str
    model_sha256: str
    images: str
    base: str


class Answered(NamedTuple):
    """A part: its number, its text, and how many pictures it holds, and how many of them could not be read."""

    number: int
    text: str
    pictures: int
    unread: int


class Outcome(NamedTuple):
    """Pictures in all, those that were answered before, and those of this run that could not be read."""

    pictures: int
    before: int
    unread: int


def ask(command: str, folder: Path, images: Iterable[str], line: bool = False, form: str = "csv") -> Question:
    """Put a question to pictures named from the current folder; see `Question`.

    Raises
    ------
    DigitrecError
        When the model cannot be used, or not for this.
    """
    network = ExportedNetwork(folder)
    if command == "read" or line:
        network.check_reads("--line" if line else command)
    model = "" if folder == PRETRAINED else str(folder.resolve())
    told = " ".join(images).encode("utf-8", "backslashreplace").decode()
    if len(told) > 1000:
        told = f"SHA-256 {sha256(told.encode()).hexdigest()}"
    return Question(command, line, form, model, _identity(network), told, str(Path.cwd()))


def _identity(network: ExportedNetwork) -> str:
    return sha256(network.description.model_dump_json().encode()).hexdigest()


def content_of(path: Path) -> bytes | ImageError:
    """Give a file's content, or the error that says why it cannot be read."""
    try:
        return read_file(path)
    except ImageError as error:
        return error


def images_in(folder: str, suffixes: Container[str]) -> Iterator[str]:
    """Give a folder's images at any depth, but hidden ones, one by one, in the order in which the system lists them.

    Parameters
    ----------
    folder : str
    suffixes : container of str
        Of images, in small letters.

    Raises
    ------
    DigitrecError
        When it, or a folder in it, cannot be listed.
    """
    todo = [folder]
    while todo:
        try:
            entries = os.scandir(todo.pop())
        except OSError as error:
            raise DigitrecError(f"{error.filename}: this folder cannot be listed: {error.strerror}") from error
        with entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                elif Path(entry.name).suffix.lower() in suffixes:
                    # As `Path` shows it, without a dot before it.
                    yield str(Path(entry.path))


def answer_many(out: Path, question: Question, names: Iterable[str], size: int | None = None) -> Outcome:
    """Answer pictures by all cores, or by the workers of a Dask cluster, and write the answers in parts.

    With a scheduler's address in `DIGITREC_SCHEDULER` the pictures are read by its workers, which must see them under
    the same names. Memory does not grow with the number of pictures.

    Parameters
    ----------
    out : Path
        Folder of the answers. Where it holds those of an earlier run with the same question, that run goes on, with the
        pictures that it listed.
    question : Question
    names : iterable of str
        Files; what stands in `out` is taken before it.
    size : int, optional
        Pictures in a part.

    Returns
    -------
    Outcome

    Raises
    ------
    DigitrecError
        When the folder holds something else, another run works in it, a process was killed or the cluster cannot be
        used.
    """
    size = size or (PAGES if question.command == "read" else SINGLE)
    with _alone_in(out):
        total = _listed(out, question, names, size)
        before, unread, given_up = size * sum(1 for _ in out.glob(f"part-*.{question.form}")), 0, []
        if _path(out, question, (total - 1) // size).exists():
            before -= -total % size
        tasks = ((question, *part) for part in _parts(out / NAMES, size) if not _path(out, question, part[0]).exists())
        label = "pages" if question.command == "read" else "pictures"
        with progress_bar(total, label, initial=before, unit="picture", delay=3) as bar:
            for part in _answered(question, tasks, out / NAMES):
                if isinstance(part, DigitrecError):
                    given_up.append(part)
                    continue
                with replacing(_path(out, question, part.number)) as temporary:
                    temporary.write_text(part.text, encoding="utf-8")
                unread += part.unread
                bar.set_postfix_str(f"{unread} cannot be read" if unread else "", refresh=False)
                bar.update(part.pictures)
    if given_up:
        raise DigitrecError(
            f"{len(given_up)} parts of {out} are missing ({given_up[0]}): one of their pictures may take more memory "
            "than a worker has. All others are there; the same command tries these again."
        )
    return Outcome(total, before, unread)


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Refuse a second run in the same folder. The system lifts this when the process ends, however it does."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = open(out / LOCK, "w")  # noqa: SIM115
    except OSError as error:
        raise ArtifactError(
            f"{out}: answers cannot be written there: {error.strerror}. Name another folder."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DigitrecError(
                f"{out}: another run writes answers there ({error.strerror}). Wait for its end, or name another folder."
            ) from error
        yield


def _listed(out: Path, question: Question, names: Iterable[str], size: int) -> int:
    """Count the pictures of a run; at its beginning, write down which they are."""
    asked = {**asdict(question), "pictures_in_a_part": size}
    if (out / RUN).exists() and (out / NAMES).exists():
        found = read_json(out / RUN)
        differing = [key for key, value in asked.items() if found.get(key) != value]
        if differing:
            raise DigitrecError(
                f"{out}: holds answers of another run ({', '.join(differing)} differ: see {out / RUN}). Ask the same, "
                "or name another folder."
            )
        return found["pictures"]
    # What a run leaves that was killed at its beginning.
    ours = {LOCK, NAMES, f".{NAMES}.tmp", f".{RUN}.tmp"}
    if foreign := sorted({path.name for path in out.iterdir()} - ours):
        raise DigitrecError(f"{out}: holds {foreign[0]}, expected an empty folder, or one with answers. Name another.")
    total = 0
    with replacing(out / NAMES) as temporary, open(temporary, "w", encoding="ascii") as file:
        for total, name in enumerate(names, 1):  # noqa: B007
            # A name may hold line breaks, and bytes that are no UTF-8.
            file.write(json.dumps(name) + "\n")
    if not total:
        raise DigitrecError("got no picture, expected at least one")
    # Last: where it is, the list is whole.
    write_json(out / RUN, {**asked, "pictures": total})
    return total


def _parts(path: Path, size: int) -> Iterator[tuple[int, list[str]]]:
    with open(path, encoding="ascii") as file:
        number = 0
        while lines := list(islice(file, size)):
            yield number, [json.loads(line) for line in lines]
            number += 1


def _path(out: Path, question: Question, number: int) -> Path:
    return out / f"part-{number:07}.{question.form}"


def _answered(question: Question, tasks: Iterator[tuple], names: Path) -> Iterator[Answered | DigitrecError]:
    """Answer parts where they are answered best, and give each as soon as it is there."""
    if address := scheduler_from_environment():
        from digitrec.pipeline.cluster import run_on_cluster  # It takes half a second, and is an extra.

        first = next(_parts(names, 1), (0, [""]))[1][0]
        state = partial(_state, str(Path(question.base, first)))
        yield from (part for _, part in run_on_cluster(address, answer_part, tasks, state))
        return
    # One by one, as processes become free.
    for _, part in side_by_side(answer_part, tasks, jobs_from_environment(), "reading"):
        yield part


def _state(first: str) -> dict[str, str]:
    """Name what must be the same on a worker: the libraries, and whether it sees the pictures."""
    content = content_of(Path(first))
    seen = "cannot be read" if isinstance(content, ImageError) else f"has SHA-256 {sha256(content).hexdigest()[:12]}"
    return {**{name: version(name) for name in LIBRARIES}, f"picture {first}": seen}


def answer_part(question: Question, number: int, names: Sequence[str]) -> Answered:
    """Answer the pictures of a part, in a process that keeps the network for the next.

    Parameters
    ----------
    question : Question
    number : int
        Of the part.
    names : sequence of str

    Returns
    -------
    Answered

    Raises
    ------
    DigitrecError
        When the model is missing, or another.
    """
    network = _network(question.model, question.model_sha256)
    step = 1 if question.command == "read" else BATCH
    groups = [names[start : start + step] for start in range(0, len(names), step)]
    rows = [row for group in groups for row in _rows(network, question, group)]
    unread = len({row["file"] for row in rows if row["error"]})
    return Answered(number, _csv(question, rows) if question.form == "csv" else _json_lines(rows), len(names), unread)


@lru_cache(maxsize=1)
def _network(model: str, model_sha256: str) -> ExportedNetwork:
    cv2.setNumThreads(1)
    network = ExportedNetwork(Path(model) if model else PRETRAINED)
    if _identity(network) != model_sha256:
        raise DigitrecError(f"{model or PRETRAINED}: holds another model than at the start of this run")
    return network


def _rows(network: ExportedNetwork, question: Question, names: Sequence[str]) -> list[dict[str, Any]]:
    images = [(name, content_of(Path(question.base, name))) for name in names]
    try:
        return [row for row, _ in _answers(network, question, images)]
    # Whatever one picture of a million does to the reader, the others are answered.
    except Exception as error:
        if len(names) > 1:
            return [row for name in names for row in _rows(network, question, [name])]
        reason = f"{names[0]}: cannot be answered: {type(error).__name__}: {error}"
        return [row for row, _ in _answers(network, question, [(names[0], ImageError(reason))])]


def _answers(
    network: ExportedNetwork, question: Question, images: Sequence[tuple[str, bytes | ImageError]]
) -> Iterator[tuple[dict[str, Any], Any]]:
    if question.command == "read":
        return read_pages(network, images)
    return answer_images(network, images, question.line)


def _csv(question: Question, rows: Iterable[dict[str, Any]]) -> str:
    text = io.StringIO()
    columns = READ_COLUMNS if question.command == "read" else PREDICT_COLUMNS
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_page_cells(row) if question.command == "read" else _cells(row) for row in rows)
    return text.getvalue()


def _common(row: dict[str, Any]) -> dict[str, Any]:
    # Bytes that are no UTF-8 are written as the command shows them.
    file = row["file"].encode("utf-8", "backslashreplace").decode()
    reason = str(row["reason"] or "").encode("utf-8", "backslashreplace").decode()
    return {"file": file, "reason": "" if row["error"] else reason, "error": reason if row["error"] else ""}


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    cells = {key: row[key] for key in ("label", "second", "best")}
    for key in ("probability", "second_probability"):
        cells[key] = None if row[key] is None else round(row[key], 6)
    return cells | {"box": " ".join(map(str, row["box"] or ()))} | _common(row)


def _page_cells(page: dict[str, Any]) -> dict[str, Any]:
    digits = [digit for row in page["rows"] for digit in row]
    counts = {
        "digits": len(digits),
        "unsure": sum("unsure" in digit for digit in digits),
        "others": len(page["others"]),
    }
    return {"text": " ".join(page["text"]), "turned": page["turned"]} | counts | _common(page)


def _json_lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
