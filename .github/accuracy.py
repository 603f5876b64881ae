"""Refuse a change with which the final model errs more than before, by more than chance explains.

Reads   plots/predictions.csv, as it lies here and as it is in another commit

Usage: python .github/accuracy.py COMMIT [--level 0.05]
Prints Markdown for GitHub. The exit status is 1 when the model became worse: it makes more errors, and McNemar's exact
test over the images that only one of the two answers rightly gives a p-value below the level. What two machines, or a
CPU and a GPU, answer differently falls on both sides alike and is part of the noise that the test allows for. As the
test looks at both sides, chance alone refuses at most one harmless change in forty at the level 0.05.
"""

import argparse
import csv
import io
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from digitrec.errors import DigitrecError
from digitrec.evaluation.scores import mcnemar_p
from digitrec.pipeline.stage import run_stage
from plots import content_at

PREDICTIONS = Path("plots/predictions.csv")
COLUMNS = ("label", "predicted")
# Images that are named.
MOST_NAMED = 20


def read(where: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Give each test image's class and the one that was predicted, as text of shape (n,)."""
    rows = list(csv.DictReader(io.StringIO(content.decode(errors="replace"), newline="")))
    if not rows or any(row.get(name) is None for row in rows for name in COLUMNS):
        raise DigitrecError(f"{where}: expected a table with a row an image and the columns {' and '.join(COLUMNS)}")
    return np.array([row["label"] for row in rows]), np.array([row["predicted"] for row in rows])


def compared(name: str, labels: np.ndarray, before: np.ndarray, now: np.ndarray) -> dict[str, Any]:
    """Compare two sets of answers to the same images, a row of the table."""
    was_wrong, is_wrong = before != labels, now != labels
    return {
        "class": name,
        "errors before": int(was_wrong.sum()),
        "errors now": int(is_wrong.sum()),
        "only before wrong": int((was_wrong & ~is_wrong).sum()),
        "only now wrong": int((is_wrong & ~was_wrong).sum()),
        "McNemar p": mcnemar_p(labels, before, now),
    }


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Write rows as a table."""
    cells = [list(rows[0]), ["---", *["---:"] * (len(rows[0]) - 1)]]
    cells += [[f"{value:.2g}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def compare(commit: str, level: float) -> None:
    """Print what became of the errors; raises DigitrecError when there are more of them than chance explains."""
    asked = ["git", "rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}"]
    if subprocess.run(asked, capture_output=True).returncode:
        raise DigitrecError(f"{commit} is no commit that git knows here: fetch it, or name another one")
    if not PREDICTIONS.exists():
        raise DigitrecError(f"{PREDICTIONS} is missing: run `dvc repro evaluate` to make it")
    labels, now = read(str(PREDICTIONS), PREDICTIONS.read_bytes())
    print(f"### Errors on the test images against {commit}\n")
    content = content_at(commit, PREDICTIONS)
    if content is None:
        print(f"{commit} has no {PREDICTIONS}: there is nothing to compare with, and nothing is refused.")
        return
    labels_before, before = read(f"{commit}:{PREDICTIONS}", content)
    if not np.array_equal(labels_before, labels):
        counts = f"{len(labels):,} here, {len(labels_before):,} there"
        print(f"The test images are others than in {commit} ({counts}): no pairs can be made, and nothing is refused.")
        return

    every = compared("all", labels, before, now)
    classes = [compared(name, *(part[labels == name] for part in (labels, before, now))) for name in np.unique(labels)]
    print(markdown([every, *(row for row in classes if row["only before wrong"] or row["only now wrong"])]))
    fresh = np.flatnonzero((now != labels) & (before == labels))
    named = [f"{index} ({labels[index]} as {now[index]})" for index in fresh[:MOST_NAMED]]
    named += [f"and {len(fresh) - MOST_NAMED} more"] if len(fresh) > MOST_NAMED else []
    print(f"\nImages that only now are wrong: {', '.join(named) or 'none'}.")
    if every["errors now"] > every["errors before"] and every["McNemar p"] < level:
        worse = [
            f"{row['class']} ({row['errors before']} to {row['errors now']})"
            for row in sorted(classes, key=lambda row: row["errors before"] - row["errors now"])
            if row["errors now"] > row["errors before"]
        ]
        told = (
            f"the model became worse: {every['errors before']} errors in {commit}, {every['errors now']} now, "
            f"p = {every['McNemar p']:.2g}, which is below {level:g}. Worse classes, errors: {', '.join(worse)}"
        )
        print(f"\n**Refused: {told}.**")
        raise DigitrecError(told)
    print(f"\nNot worse than chance explains (level {level:g}).")


def main(root: Path) -> None:
    """Compare with the commit that was named."""
    parser = argparse.ArgumentParser(description="Refuse a change that makes the final model worse.")
    parser.add_argument("commit", help="to compare with, such as origin/main")
    parser.add_argument("--level", type=float, default=0.05, help="p-value below which more errors count (%(default)s)")
    options = parser.parse_args()
    compare(options.commit, options.level)


if __name__ == "__main__":
    run_stage(main)
