"""The ledger of claims as a page: the text of `REPRODUCTION.md`, by the template `page.md.jinja`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from string import ascii_uppercase
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from digitrec.reproduction.claims import Paper, paper_of
from digitrec.reproduction.costs import VARIANTS, choice_by_test, lenet_verdicts, system_difference
from digitrec.reproduction.ledger import VERDICTS, WIDE, hardware, number_text
from digitrec.reproduction.measures import Measurements, mean_interval, spread_ratios

TEMPLATE = Path(__file__).with_name("page.md.jinja")
WORDS = {
    "train_accuracy": "training accuracy",
    "valid_accuracy": "validation accuracy",
    "test_accuracy": "test accuracy",
    "train_loss": "training loss",
    "valid_loss": "validation loss",
    "test_loss": "test loss",
    "correct": "test images right",
    "errors": "test images wrong",
    "f1": "F1",
    "weighted_precision": "precision weighted by support",
    "weighted_recall": "recall weighted by support",
    "weighted_f1": "F1 weighted by support",
    "n_parameters": "parameters",
    "size_mb": "size",
    "training_seconds": "training time",
    "epoch_seconds": "time of an epoch",
    "pixel_mean": "mean of the pixels",
    "pixel_std": "standard deviation of the pixels",
    "n_images": "images",
    "n_train_images": "training images",
    "n_test_images": "test images",
    "n_candidates": "candidates of the search",
    "n_fits": "fits of the search",
    "best_lr": "winner's learning rate",
    "best_max_epochs": "winner's epochs",
    "best_batch_size": "winner's batch size",
    "best_num_units": "winner's maps, convolution 1",
    "best_out_units": "winner's maps, convolution 2",
    "best_fout_units": "winner's maps, convolution 3",
}
SUFFIXES = {
    "percent": " %",
    "points": " points",
    "seconds": " s",
    "megabytes": " MB",
    "thousand parameters": " K",
    "million parameters": " M",
}
NOTHING = "–"
# What is printed for so many epochs or digits is shown in a table with a row for each.
MANY = 5


def report(
    rows: Sequence[Mapping[str, Any]],
    papers: Mapping[str, Paper],
    measurements: Measurements,
    home_made: Mapping[str, Any] | None,
    suspicious: Mapping[str, Any] | None,
    pictures: Sequence[str],
) -> str:
    """Write the page.

    Parameters
    ----------
    rows : sequence of mapping
        What `judge` gives for each claim.
    papers : mapping
        By key.
    measurements : Measurements
    home_made : mapping or None
        What stage `home-made-digits` measured.
    suspicious : mapping or None
        What stage `suspicious-labels` counted.
    pictures : sequence of str
        Paths of PNGs from where the page lies; one whose name is a system's is linked with its paper.

    Returns
    -------
    str
        Markdown.
    """
    machines = sorted({hardware(times) for name, times in measurements.times.items() if measurements.runs(name)})
    letters = dict(zip(machines, ascii_uppercase, strict=False))
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    others = [path for path in pictures if PurePosixPath(path).stem not in measurements.systems]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        verdicts=VERDICTS,
        counts=_counts(rows),
        wide=f"{100 * WIDE:g}",
        ratios={WORDS[quantity]: ratio for quantity, ratio in spread_ratios(measurements).items()},
        n_shortened=sum(row["shortened"] for row in rows),
        letters=letters,
        sections=[_section(key, paper, rows, letters, pictures) for key, paper in papers.items()],
        softmax_twice=_difference_text(system_difference("okon-logits", "okon", measurements)),
        statistics_guessed=_difference_text(system_difference("okon-statistics", "okon", measurements)),
        variants=[
            (name, of, what, _difference_text(system_difference(name, of, measurements)))
            for name, (of, what) in VARIANTS.items()
            if name in measurements.systems
        ],
        choice=choice_by_test(measurements),
        lenets={network: _counts_text(count) for network, count in lenet_verdicts(rows).items()},
        home_made=_home_made(home_made) if home_made and home_made["runs"] else None,
        suspicious=suspicious,
        wrong_on_known=[row["index"] for row in suspicious["known_wrong"] if row["is_error"]] if suspicious else [],
        others={_title(PurePosixPath(path)): path for path in others},
        runs=_runs(measurements, letters),
    )


def _counts(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """How many there are, and of each verdict."""
    count = Counter(row["verdict"] for row in rows)
    return [count.total(), *(count[verdict] for verdict in VERDICTS)]


def _section(
    key: str, paper: Paper, rows: Sequence[Mapping[str, Any]], letters: Mapping[str, str], pictures: Sequence[str]
) -> dict[str, Any]:
    """What is said of one paper."""
    rows = [row for row in rows if paper_of(row["system"]) == key]
    notes = {note: number for number, note in enumerate(dict.fromkeys(row["note"] for row in rows if row["note"]), 1)}
    columns = Counter(map(_column, rows))
    many = [column for column in columns if column and columns[column] >= MANY]
    links = {path: PurePosixPath(path).stem for path in pictures}
    return {
        "key": key,
        "paper": paper,
        "counts": _counts(rows),
        "rows": [_cells(row, notes, letters) for row in rows if _column(row) not in many],
        "grids": [_grid(*of, rows, notes, letters) for of in dict.fromkeys(column[:2] for column in many)],
        "notes": list(notes),
        "pictures": [f"[{name}]({path})" for path, name in links.items() if paper_of(name) == key],
    }


def _column(row: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """What a row's number may be one of many of: epoch or digit, run and quantity."""
    for one in ("epoch", "digit"):
        if row[one] is not None and not row["minus"]:
            return one, row["run"] or row["system"], row["quantity"]
    return None


def _grid(
    one: str, run: str, rows: Sequence[Mapping[str, Any]], notes: Mapping[str, int], letters: Mapping[str, str]
) -> dict[str, Any]:
    """What is printed of a run for each epoch or digit, as a table with a row for each."""
    rows = [row for row in rows if (_column(row) or ("", ""))[:2] == (one, run)]
    columns = {quantity: n for quantity, n in Counter(row["quantity"] for row in rows).items() if n >= MANY}
    places = {(row[one], row["quantity"]): row for row in rows if row["quantity"] in columns}
    head, cells = [one], {number: [str(number)] for number in sorted({number for number, _ in places})}
    for quantity in columns:
        of = [row for (_, measured), row in places.items() if measured == quantity]
        verdicts = {_verdict(row) for row in of}
        # What is true of a whole column is said in its head.
        same = f" ({verdicts.pop()})" if len(verdicts) == 1 else ""
        head += [_with_notes(WORDS.get(quantity, quantity), of, notes), f"ours{same}", *([] if same else ["verdict"])]
        for number, line in cells.items():
            row = places.get((number, quantity))
            texts = [_published_text(row), _ours(row, _interval(row)), _verdict(row)] if row else [NOTHING] * 3
            line += texts[: 2 if same else 3]
    runs = dict.fromkeys(_run_text(row, letters) for row in places.values())
    assumed = dict.fromkeys(row["assumed"] for row in places.values() if row["assumed"])
    told = [
        f"`{run}`",
        *(f"runs {text}" for text in runs if text != NOTHING),
        *(f"assumed: {text}" for text in assumed),
    ]
    return {"one": one, "told": "; ".join(told), "head": head, "lines": list(cells.values())}


def _with_notes(text: str, rows: Sequence[Mapping[str, Any]], notes: Mapping[str, int]) -> str:
    numbers = dict.fromkeys(str(notes[row["note"]]) for row in rows if row["note"])
    return f"{text} (note {', '.join(numbers)})".strip() if numbers else text


def _cells(row: Mapping[str, Any], notes: Mapping[str, int], letters: Mapping[str, str]) -> list[str]:
    judged = row["interval"] and row["verdict"] != "not comparable"
    return [
        claim_text(row),
        _published_text(row),
        _ours(row, "interval"),
        _range(row["judged_by"], row["unit"], " to ") if judged else NOTHING,
        _run_text(row, letters),
        row["assumed"] or NOTHING,
        _verdict(row),
        _with_notes(row["explanation"], [row], notes),
    ]


def _interval(row: Mapping[str, Any]) -> str:
    """Which interval stands beside a number of many."""
    return "interval" if row["verdict"] == "not comparable" else "judged_by"


def _verdict(row: Mapping[str, Any]) -> str:
    """The verdict, one that differs in bold."""
    verdict = row["verdict"]
    return f"**{verdict}**" if verdict.startswith(("higher", "lower")) else verdict


def _ours(row: Mapping[str, Any], interval: str) -> str:
    """The measured number with one of its two intervals."""
    if row["measured"] is None:
        return NOTHING
    unit = row["unit"]
    sign = "+" if unit == "points" and row["measured"] > 0 else ""
    between = f" [{_range(row[interval], unit, ', ')}]" if row["interval"] else ""
    return f"{sign}{number_text(row['measured'], unit)}{SUFFIXES.get(unit, '')}{between}"


def _published_text(row: Mapping[str, Any]) -> str:
    least = row["published"][0] if isinstance(row["published"], list) else row["published"]
    sign = "+" if row["unit"] == "points" and least > 0 else ""
    return sign + _published(row) + SUFFIXES.get(row["unit"], "")


def _published(row: Mapping[str, Any]) -> str:
    """The number as printed, with commas between thousands."""
    return row["printed"] if isinstance(row["published"], list) else _commas(row["printed"])


def _commas(printed: str) -> str:
    whole, point, decimals = printed.partition(".")
    return f"{int(whole):,}{point}{decimals}" if whole.isdigit() else printed


def _range(bounds: Sequence[float], unit: str, between: str) -> str:
    return between.join(number_text(bound, unit) for bound in bounds)


def claim_text(row: Mapping[str, Any]) -> str:
    """Say in words what is claimed, and of which run where it is not the paper's main system."""
    text = WORDS.get(row["quantity"], row["quantity"])
    if row["quantity"] == "missed_rank":
        text = f"rank of digit {row['digit']} among the most missed"
    elif row["quantity"] == "confused_pair_rank":
        text = f"rank of {row['pair'][0]}/{row['pair'][1]} among the most confused pairs"
    elif row["digit"] is not None:
        text += f", digit {row['digit']}"
    if row["epoch"] is not None:
        text += f", epoch {row['epoch']}"
    if row["derived"]:
        text += f" (derived: {row['derived']})"
    run = row["run"] or row["system"]
    if row["minus"]:
        return f"{text}, `{run}` less `{row['minus']}`"
    return text if run == paper_of(row["system"]) else f"{text}, `{run}`"


def _run_text(row: Mapping[str, Any], letters: Mapping[str, str]) -> str:
    if row["seeds"] is None:
        return NOTHING
    epochs = "" if row["epochs"] is None else f" × {row['epochs']}"
    letter = f" {letters[row['hardware']]}" if row["hardware"] in letters else ""
    return f"{row['seeds']}{epochs}{letter}{', shortened' if row['shortened'] else ''}"


def _difference_text(difference: Mapping[str, Any] | None) -> str:
    if difference is None:
        return VERDICTS[-1]
    low, high = difference["interval"] or (None, None)
    interval = "1 seed, so no interval" if low is None else f"{low:+.2f} to {high:+.2f}, {difference['seeds']} seeds"
    return f"{difference['mean']:+.2f} ({interval}{', shortened' if difference['shortened'] else ''})"


def verdict_counts(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say how often each verdict was reached."""
    return _counts_text(Counter(row["verdict"] for row in rows))


def flat_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Flatten `judge`'s results for a table: an interval or a range in two columns."""
    flat: list[dict[str, Any]] = []
    for row in rows:
        published = row["published"]
        ends = dict(row) | {"published": published if isinstance(published, list) else [published, published]}
        flat.append({})
        for key, value in ends.items():
            if key in ("published", "interval", "judged_by"):
                flat[-1][f"{key}_low"], flat[-1][f"{key}_high"] = value or (None, None)
            else:
                flat[-1][key] = "/".join(map(str, value)) if key == "pair" and value else value
    return flat


def _counts_text(counts: Counter) -> str:
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])


def _home_made(measurement: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a system that read digits of one's own."""
    shares = [100 * run["test"]["accuracy"] for run in measurement["runs"]]
    interval = mean_interval(shares)
    return {
        "system": measurement["system"],
        "n": measurement["n_test"],
        "right": [round(share * measurement["n_test"] / 100) for share in shares],
        "mean": np.mean(shares),
        "between": (max(0, interval[0]), min(100, interval[1])) if interval else None,
        "shortened": measurement["shortened"],
    }


def _title(path: PurePosixPath) -> str:
    if path.parent.name == "tsne":
        return f"t-SNE of {int(path.stem):,} training images"
    return path.stem.replace("_", " ")


def _runs(measurements: Measurements, letters: Mapping[str, str]) -> list[list[str]]:
    """Cells of a row a system."""
    cells = []
    for name, system in measurements.systems.items():
        runs, times = system["runs"], measurements.times.get(name)
        accuracies = [100 * run["test"]["accuracy"] for run in runs]
        interval = mean_interval(accuracies)
        accuracy = f"{np.mean(accuracies):.2f} %" if runs else VERDICTS[-1]
        seconds = machine = NOTHING
        if runs and times:
            seconds, machine = f"{np.mean(times['seconds']):,.0f}", letters.get(hardware(times), NOTHING)
        cells.append(
            [
                f"`{name}`",
                str(len(runs)),
                f"{system['epochs']}{' (shortened)' if system['shortened'] else ''}",
                f"{system['n_train']:,} + {system['n_valid']:,}",
                f"{system['n_parameters']:,}",
                f"{accuracy} [{max(0, interval[0]):.2f}, {min(100, interval[1]):.2f}]" if interval else accuracy,
                seconds,
                machine,
            ]
        )
    return cells
