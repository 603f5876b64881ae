"""What was found in a folder of pictures, in words: facts, warnings, and problems that keep it from being used."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from digitrec.data.enough import imbalance, split_problem
from digitrec.data.folder import Reading, read_folder
from digitrec.spec import FolderSpec

# Of a kind; the rest is counted.
MOST_LINES = 20
MOST_SIZES = 5


@dataclass(frozen=True)
class FolderReport:
    """What `digitrec check` and stage `download` say of a folder.

    Parameters
    ----------
    path : str
        The folder.
    facts : list of str
        Numbers, sizes and colours, and what was passed over.
    warnings : list of str
        What the result may suffer from.
    problems : list of str
        What must be mended first.
    """

    path: str
    facts: list[str]
    warnings: list[str]
    problems: list[str]

    @property
    def fatal(self) -> bool:
        """Tell whether the folder cannot be used as it is."""
        return bool(self.problems)

    def text(self) -> str:
        """Put it on several lines, the problems last."""
        lines = [f"{self.path}:", *(f"  {fact}" for fact in self.facts)]
        lines += [f"  warning: {warning}" for warning in self.warnings]
        if self.problems:
            lines += [f"{self.path} cannot be used before this is mended (nothing was written):"]
            lines += [f"  {problem}" for problem in self.problems]
        return "\n".join(lines)


def check_folder(folder: FolderSpec, least: int = 2, root: Path = Path(), valid_fraction: float = 0.0) -> FolderReport:
    """Look for everything that is wrong with a folder of pictures; nothing is written.

    Parameters
    ----------
    folder : FolderSpec
        The folder, and how it is to be read.
    least : int
        Pictures of each class that training needs: as many as the search has folds.
    root : Path
        What the folder's path is relative to.
    valid_fraction : float
        Share of the pictures that the final training holds out.

    Raises
    ------
    DataError
        When there is no such folder.
    DigitrecError
        When a process that was reading pictures was killed.
    """
    return report_on(read_folder(folder, root), least, valid_fraction)


def report_on(reading: Reading, least: int, valid_fraction: float) -> FolderReport:
    """Put into words what was found; `least` and `valid_fraction` as for `check_folder`."""
    skipped = reading.folder.skip_damaged
    damaged = [reading.damaged[number] for number in sorted(reading.damaged)]
    left_out = _shortened([f"left out: {problem}" for problem in damaged])
    return FolderReport(
        reading.folder.path,
        [*_what_there_is(reading), *_passed_over(reading)],
        [*(left_out if skipped else []), *_without_test(reading), *_imbalance(reading)],
        [
            *_shortened(reading.listing.problems),
            *([] if skipped else _shortened(damaged)),
            *_too_few_classes(reading),
            *(_small_classes(reading, least) or _no_validation(reading, valid_fraction)),
            *_copies(reading),
        ],
    )


def _shortened(lines: Sequence[str]) -> list[str]:
    """Give the first lines, and how many more of them there are."""
    rest = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"and {rest:,} more of this kind"] if rest > 0 else list(lines)


def _what_there_is(reading: Reading) -> list[str]:
    counts = reading.count(reading.in_train | reading.in_test)
    if not len(counts):
        return ["no pictures"]
    low, high = counts.min(), counts.max()
    each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    names = f": {', '.join(reading.classes)}" if len(counts) <= MOST_LINES else ""
    facts = [f"{counts.sum():,} pictures in {len(counts)} classes of {each}{names}"]
    sizes: Counter[str] = Counter()
    colours: Counter[str] = Counter()
    for (height, width, is_colour), count in sorted(reading.headers.items()):
        sizes[f"{width}x{height}"] += count
        colours["colour" if is_colour else "grey"] += count
    looked_at = f" of {sizes.total():,} of them" if sizes.total() < counts.sum() else ""
    facts += [f"sizes{looked_at}: {_counted(sizes)}", f"colours{looked_at}: {_counted(colours)}"]
    if reading.image:
        train, test = reading.in_train.sum(), reading.in_test.sum()
        facts.append(f"read as {reading.image}: {train:,} for training, {test:,} for the test")
    return facts


def _counted(counts: Counter[str]) -> str:
    listed = ", ".join(f"{name} ({count:,})" for name, count in counts.most_common(MOST_SIZES))
    rest = len(counts) - MOST_SIZES
    return f"{listed} and {rest:,} more" if rest > 0 else listed


def _passed_over(reading: Reading) -> list[str]:
    kinds = {
        "no image by its name": reading.listing.others,
        "not in labels.csv": reading.listing.unlabelled,
        "empty folder": reading.listing.empty,
    }
    lines = (_shortened([f"{kind}, passed over: {name}" for name in names]) for kind, names in kinds.items())
    return [line for each in lines for line in each]


def _without_test(reading: Reading) -> list[str]:
    if not reading.listing.parted:
        return []
    counts = zip(reading.classes, reading.count(reading.in_train), reading.count(reading.in_test), strict=True)
    return _shortened(
        [f"class '{name}': is in train/ and not in test/" for name, train, test in counts if train and not test]
    )


def _imbalance(reading: Reading) -> list[str]:
    counts = reading.count(reading.in_train)
    # A class with none is a problem, not a warning.
    warning = imbalance(counts, reading.classes) if counts.any() and counts.all() else None
    return [warning] if warning else []


def _too_few_classes(reading: Reading) -> list[str]:
    n = len(reading.classes)
    if n > 1:
        return []
    found = f"one class, '{reading.classes[0]}'" if n else "no pictures in folders"
    return [
        f"holds {found}; expected two or more: a folder of pictures for each class, or a labels.csv with the columns "
        "file,label"
    ]


def _no_validation(reading: Reading, valid_fraction: float) -> list[str]:
    counts = reading.count(reading.in_train)
    problem = split_problem(counts, valid_fraction) if valid_fraction and len(counts) > 1 else None
    return [problem] if problem else []


def _small_classes(reading: Reading, least: int) -> list[str]:
    problems = []
    counts = zip(reading.classes, reading.count(reading.in_train), reading.count(reading.in_test), strict=True)
    for name, train, test in counts:
        if reading.listing.parted and test and not train:
            problems.append(f"class '{name}': is in test/ and not in train/")
        elif train < least:
            kept = f", beside {test:,} for the test" if test and not reading.listing.parted else ""
            problems.append(
                f"class '{name}': has too few pictures, {train} to train with{kept}; expected at least {least}, one "
                "for each fold of the search"
            )
    return _shortened(problems)


def _copies(reading: Reading) -> list[str]:
    pictures = reading.listing.pictures
    first: dict[bytes, int] = {}
    problems = []
    for number, digest in enumerate(reading.digests):
        before = first.setdefault(digest, number)
        one, two = pictures[before], pictures[number]
        where = [
            *(["two classes"] if one.label != two.label else []),
            *(["training and test"] if one.part != two.part else []),
        ]
        if digest and where:
            problems.append(f"{one.path} and {two.path}: are the same picture, in {' and in '.join(where)}; remove one")
    return _shortened(problems)
