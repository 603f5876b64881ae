"""The ledger of claims as a page: the text of `REPRODUCTION.md`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from string import ascii_uppercase
from typing import Any

import numpy as np

from digitrec.reproduction.claims import Paper, paper_of
from digitrec.reproduction.costs import LENETS, choice_by_test, lenet_verdicts, system_difference
from digitrec.reproduction.ledger import VERDICTS, hardware, number_text
from digitrec.reproduction.measures import Measurements, mean_interval

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
RULE = f"""\
* *Ours* is the mean over seeds with its 95 % interval: Student's t over two seeds or more. With one seed the spread
  between seeds is unknown; the interval is then that of the images alone (Wilson's for accuracies).
* The *judged by* interval is that one, widened on each side by the sampling error of the images that the quantity was
  measured on, and by half a unit of the published number's last printed digit. The sampling error is
  1.96·√(p(1 − p)/n) for an accuracy p or a count on n images; 1.96·s/√n for a loss, s being the standard deviation of
  the test images' losses after the last epoch; and for precision, recall and F1 1.96 standard deviations over confusion
  matrices drawn anew from the measured shares. Of a difference between two systems, paired by seed, it is as if each
  were scored on images of its own. Ranks are those of the errors summed over seeds, their interval the middle 95 % over
  such drawn matrices of all seeds. With one seed, an accuracy's Wilson interval already is the sampling error.
* **{VERDICTS[0]}**: the published value lies in that interval, or the published range meets it. **{VERDICTS[1]}**,
  **{VERDICTS[2]}**: ours is higher or lower. Sizes, counts and settings have no spread and must agree to the last
  printed digit.
* **{VERDICTS[3]}**: times on other hardware, quoted numbers of unnamed networks, assumed architectures, the winner of a
  search that is not the published one, and all but the sizes of runs that were shortened. **{VERDICTS[4]}**: there is
  no run.
* A published number is one run's, as far as the texts say; how it would spread is not known and not in the interval.
* *Runs* is seeds × epochs and the hardware. Training accuracies and losses are taken while the network is trained, over
  the epoch, with dropout and augmentation where there is any."""


def report(
    rows: Sequence[Mapping[str, Any]],
    papers: Mapping[str, Paper],
    measurements: Measurements,
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
    by_paper = {key: [row for row in rows if paper_of(row["system"]) == key] for key in papers}
    blocks = [
        "# Published claims, held against what was measured",
        "Five published accounts of handwritten-digit recognition on MNIST in PyTorch, rebuilt here as their texts say "
        "and measured on the 10,000 test images. For each number that they print: ours, and whether it was reproduced. "
        "The stage `claims` writes this page from `reproduction/claims.yaml` and `reproduction/metrics`; "
        "`make reproduce` makes all of it anew. With the place of each number in its text and the protocol: "
        "`reproduction/plots/claims.csv`.",
        "## Summary",
        _summary(by_paper),
        *_machines(letters),
        "## How a verdict is reached",
        RULE,
    ]
    for key, paper in papers.items():
        blocks += _paper(key, paper, by_paper[key], letters, pictures)
    blocks += ["## What the papers did wrong and what it costs", *_costs(rows, measurements)]
    if suspicious:
        blocks += ["## The known ceiling: labels that are wrong", *_ceiling(suspicious)]
    others = [path for path in pictures if PurePosixPath(path).stem not in measurements.systems]
    if others:
        blocks += ["## Pictures", *(f"![{_title(PurePosixPath(path))}]({path})" for path in others)]
    blocks += ["## All runs", _runs(measurements, letters)]
    return "\n\n".join(blocks) + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    rule = ["---:" if column in right else "---" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _summary(by_paper: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    counts = {key: Counter(row["verdict"] for row in rows) for key, rows in by_paper.items()}
    counts["all"] = sum(counts.values(), Counter())
    cells = [
        [f"**{key}**" if key == "all" else f"[{key}](#{key})", str(count.total()), *(str(count[v]) for v in VERDICTS)]
        for key, count in counts.items()
    ]
    table = _table(["paper", "claims", *VERDICTS], cells, right=range(1, 7))
    shortened = sum(row["shortened"] for rows in by_paper.values() for row in rows)
    return f"{table}\n\n{shortened} rows are of shortened runs." if shortened else table


def _machines(letters: Mapping[str, str]) -> Iterator[str]:
    if letters:
        yield "Hardware:\n\n" + "\n".join(f"* {letter}: {machine}" for machine, letter in letters.items())


def _paper(
    key: str,
    paper: Paper,
    rows: Sequence[Mapping[str, Any]],
    letters: Mapping[str, str],
    pictures: Sequence[str],
) -> Iterator[str]:
    yield f"## {key}"
    yield f"{paper.title}."
    yield f"Rebuilt: {paper.rebuilt}"
    notes = {note: number for number, note in enumerate(dict.fromkeys(row["note"] for row in rows if row["note"]), 1)}
    header = ["claim", "published", "ours [95 %]", "judged by", "runs", "verdict", "explanation"]
    yield _table(header, [_cells(row, notes, letters) for row in rows], right=(1, 2, 3))
    if notes:
        yield "Notes:\n\n" + "\n".join(f"{number}. {note}" for note, number in notes.items())
    contradictions = "\n".join(f"* {sentence}" for sentence in paper.contradictions)
    yield f"What the text contradicts: {'nothing that was found.' if not contradictions else ''}".strip()
    if contradictions:
        yield contradictions
    drawn = [path for path in pictures if paper_of(PurePosixPath(path).stem) == key]
    if drawn:
        links = ", ".join(f"[{PurePosixPath(path).stem}]({path})" for path in drawn)
        yield f"Curves, confusion matrix and test digits with predictions: {links}."


def _cells(row: Mapping[str, Any], notes: Mapping[str, int], letters: Mapping[str, str]) -> list[str]:
    unit, suffix = row["unit"], SUFFIXES.get(row["unit"], "")
    sign = "+" if unit == "points" and row["published"] > 0 else ""
    ours = judged_by = NOTHING
    if row["measured"] is not None:
        ours = ("+" if unit == "points" and row["measured"] > 0 else "") + number_text(row["measured"], unit) + suffix
        if row["interval"]:
            ours += f" [{_range(row['interval'], unit, ', ')}]"
        if row["interval"] and row["verdict"] != "not comparable":
            judged_by = _range(row["judged_by"], unit, " to ")
    verdict = f"**{row['verdict']}**" if row["verdict"] in ("higher", "lower") else row["verdict"]
    explanation = row["explanation"]
    if row["note"]:
        explanation = f"{explanation} (note {notes[row['note']]})".strip()
    return [
        claim_text(row),
        sign + _published(row) + suffix,
        ours,
        judged_by,
        _run_text(row, letters),
        verdict,
        explanation,
    ]


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


def _costs(rows: Sequence[Mapping[str, Any]], measurements: Measurements) -> Iterator[str]:
    yield "In points of test accuracy; systems are compared seed by seed, with the mean difference's 95 % interval."
    pairs = (
        ("Softmax twice", "okon-logits", "okon", "the same network, cross-entropy on logits"),
        ("Statistics guessed", "okon-statistics", "okon", "pixel mean and deviation measured, not 0.1 and 0.3"),
    )
    lines = []
    for title, first, second, what in pairs:
        difference = system_difference(first, second, measurements)
        lines.append(f"* **{title}.** `{first}` less `{second}` ({what}): {_difference_text(difference)}.")
    lines.append(f"* **Choosing the epoch by the test set.** {_choice_text(choice_by_test(measurements))}")
    counts = lenet_verdicts(rows)
    fits = "; ".join(f"against `{network}`, {_counts_text(counts[network])}" for network in LENETS)
    lines.append(f"* **A network under another's name.** Of the numbers printed for pham's LeNet, held {fits}.")
    yield "\n".join(lines)


def _difference_text(difference: Mapping[str, Any] | None) -> str:
    if difference is None:
        return VERDICTS[-1]
    low, high = difference["interval"] or (None, None)
    interval = "1 seed, so no interval" if low is None else f"{low:+.2f} to {high:+.2f}, {difference['seeds']} seeds"
    return f"{difference['mean']:+.2f} ({interval}{', shortened' if difference['shortened'] else ''})"


def _choice_text(choice: Mapping[str, Any] | None) -> str:
    if choice is None:
        return f"{VERDICTS[-1].capitalize()}."
    return (
        "Test accuracy at the epoch that is best on the test set, less that at the epoch best on the validation "
        f"set: {choice['mean']:+.2f} on average and {choice['lowest']:+.2f} to {choice['highest']:+.2f} over all "
        f"{choice['runs']} runs with a validation set ({choice['systems']} of the systems"
        f"{', some shortened' if choice['shortened'] else ''})."
    )


def verdict_counts(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say how often each verdict was reached."""
    return _counts_text(Counter(row["verdict"] for row in rows))


def flat_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Flatten `judge`'s results for a table: an interval or a range in two columns."""
    flat = []
    for row in rows:
        published = row["published"]
        ends = row | {"published": published if isinstance(published, list) else [published, published]}
        flat.append({})
        for key, value in ends.items():
            if key in ("published", "interval", "judged_by"):
                flat[-1][f"{key}_low"], flat[-1][f"{key}_high"] = value or (None, None)
            else:
                flat[-1][key] = "/".join(map(str, value)) if key == "pair" and value else value
    return flat


def _counts_text(counts: Counter) -> str:
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])


def _ceiling(suspicious: Mapping[str, Any]) -> Iterator[str]:
    errors = [str(row["index"]) for row in suspicious["known_wrong"] if row["is_error"]]
    which = f" (images {', '.join(errors)})" if errors else ""
    if suspicious["known_wrong"]:
        yield (
            f"{len(suspicious['known_wrong'])} labels of the test images are known to be wrong. Of the "
            f"{suspicious['n_errors']} errors of the main pipeline's final model on {suspicious['n_test']:,} images, "
            f"{len(errors)} are on these{which}."
        )
    yield (
        f"Among {suspicious['n_train']:,} training images, {suspicious['n_suspicious_train']} labels are suspicious: "
        f"confident learning on out-of-fold probabilities ({suspicious['folds']} folds, "
        f"{suspicious['out_of_fold_errors']} answers differ from the label, accuracy "
        f"{100 * suspicious['out_of_fold_accuracy']:.2f} %). They are listed in "
        "`reproduction/plots/suspicious_labels.csv`; nothing was trained with a changed label."
    )


def _title(path: PurePosixPath) -> str:
    if path.parent.name == "tsne":
        return f"t-SNE of {int(path.stem):,} training images"
    return path.stem.replace("_", " ")


def _runs(measurements: Measurements, letters: Mapping[str, str]) -> str:
    cells = []
    for name, system in measurements.systems.items():
        runs, times = system["runs"], measurements.times.get(name)
        accuracies = [100 * run["test"]["accuracy"] for run in runs]
        interval = mean_interval(accuracies)
        accuracy = f"{np.mean(accuracies):.2f} %" if runs else VERDICTS[-1]
        measured = bool(runs and times)
        cells.append(
            [
                f"`{name}`",
                str(len(runs)),
                f"{system['epochs']}{' (shortened)' if system['shortened'] else ''}",
                f"{system['n_train']:,} + {system['n_valid']:,}",
                f"{system['n_parameters']:,}",
                f"{accuracy} [{max(0, interval[0]):.2f}, {min(100, interval[1]):.2f}]" if interval else accuracy,
                f"{np.mean(times['seconds']):,.0f}" if measured else NOTHING,
                letters.get(hardware(times), NOTHING) if measured else NOTHING,
            ]
        )
    header = ["system", "seeds", "epochs", "training + validation images", "parameters", "test accuracy [95 %]"]
    table = _table([*header, "seconds a run", "hardware"], cells, right=(1, 2, 3, 4, 5, 6))
    return (
        f"{table}\n\nIntervals are over seeds alone. Seconds are the training thread's on a CPU, the wall's on a GPU."
    )
