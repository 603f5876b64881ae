"""Write the tables of README.md that hold results of the last run: what stands between two marks is made anew.

Reads   metrics/compare_baselines.json, metrics/read_pages.json, metrics/train_reader.json, metrics/times
Writes  README.md

Usage: PYTHONPATH=src python -m docs.tables
"""

from pathlib import Path

from digitrec.evaluation.comparison import FINAL
from digitrec.pipeline.files import read_json, replacing

ROOT = Path(__file__).parents[1]
# Kinds of page that are shown.
N_WORST = 5
NAMES = {
    FINAL: "**final: MNISTNet, recipe `modern_digits`**",
    "svm": "SVM (RBF, 50 principal components)",
    "mlp": "MLP (scikit-learn)",
    "knn": "3 nearest neighbours",
    "random_forest": "random forest",
    "logistic_regression": "logistic regression",
    "decision_tree": "decision tree",
    "gaussian_naive_bayes": "Gaussian naive Bayes",
}


def baselines() -> str:
    """Give the table of the final model and the baselines."""
    times = {path.stem: read_json(path) for path in (ROOT / "metrics/times").glob("*.json")}
    times[FINAL] = times["train_final"] | times["evaluate"]
    lines = [
        "| | test accuracy | 95 % interval | errors | parameters | McNemar p | fit, s | predict, s |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, scores in read_json(ROOT / "metrics/compare_baselines.json").items():
        low, high = scores["accuracy_ci95"]
        p = scores["mcnemar_p"]
        shown = "" if name == FINAL else f"{p:.0e}".replace("e-0", "e-") if p else "< 1e-300"
        accuracy = f"{100 * scores['accuracy']:.2f} %"
        cells = [
            NAMES[name],
            f"**{accuracy}**" if name == FINAL else accuracy,
            f"{100 * low:.2f} to {100 * high:.2f}",
            f"{scores['errors']:,}",
            f"{scores['n_parameters']:,}",
            shown,
            _seconds(times[name]["fit_seconds"]),
            _seconds(times[name]["predict_seconds"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def reading() -> str:
    """Give the table of what is read of composed pages, the kinds read worst among them, and of what is refused."""
    pages, reader = (read_json(ROOT / f"metrics/{name}.json") for name in ("read_pages", "train_reader"))
    (digits_low, digits_high), (low, high) = pages["right_ci95"], pages["exact_ci95"]
    lines = [
        "| composed pages | digits right | pages exact |",
        "| --- | --- | --- |",
        f"| all | {pages['right']:,} of {pages['digits']:,} ({100 * digits_low:.1f} to {100 * digits_high:.1f} %), "
        f"{pages['extra']} too many | {pages['exact']} of {pages['pages']} ({100 * low:.1f} to {100 * high:.1f} %) |",
    ]
    worst = sorted(pages["kinds"].items(), key=lambda kind: kind[1]["exact"] / kind[1]["pages"])[:N_WORST]
    for name, kind in worst:
        lines.append(f"| {name} | {kind['right']} of {kind['digits']} | {kind['exact']} of {kind['pages']} |")
    kept, refused = reader["digits"], reader["refused"]["all"]
    unsure = f"{100 * refused['share']:.1f} % of {refused['n']:,}"
    lines += [
        "",
        "| validation images and drawn ones | answered rightly | unsure | wrong |",
        "| --- | ---: | ---: | ---: |",
        f"| digits | {kept['right']:,} of {kept['n']:,} | {kept['unsure']} | {kept['wrong']} |",
        f"| no digits: letters, signs, scribbles, parts of digits | | {unsure} | |",
    ]
    return "\n".join(lines)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2f}"


def with_tables(text: str) -> str:
    """Put the tables where the marks are."""
    for name, table in {"baselines": baselines, "reading": reading}.items():
        start, end = f"<!-- table {name}, by docs/tables.py -->\n", "\n<!-- end -->"
        before, _, rest = text.partition(start)
        text = before + start + table() + end + rest.partition(end)[2]
    return text


if __name__ == "__main__":
    readme = ROOT / "README.md"
    with replacing(readme) as temporary:
        temporary.write_text(with_tables(readme.read_text(encoding="utf-8")), encoding="utf-8")
