"""Write what stands between two marks in README.md and docs/*.md anew: tables of the last run's results.

Reads   metrics, benchmarks/results, params.yaml
Writes  README.md, docs/*.md

Usage: PYTHONPATH=src python -m docs.tables
"""

from pathlib import Path

from digitrec.evaluation.comparison import FINAL
from digitrec.pipeline.files import read_json, replacing
from docs.reference import reference

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


def _percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %"


def _interval(bounds: list[float]) -> str:
    return f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f}"


def seeds() -> str:
    """Give the table of accuracies over seeds."""
    lines = [
        "| network, recipe | seeds | mean test accuracy | deviation | 95 % interval of the mean | errors by seed |",
        "| --- | ---: | ---: | ---: | --- | --- |",
    ]
    names = {"best": "`best`, `modern`"}
    runs = read_json(ROOT / "benchmarks/results/seeds.json")["runs"]
    for name, run in sorted(runs.items(), key=lambda each: -each[1]["mean"]):
        cells = [
            names.get(name, f"MNISTNet, `{name}`"),
            str(len(run["seeds"])),
            _percent(run["mean"]),
            f"{100 * run['std']:.2f}",
            _interval(run["mean_ci95"]),
            ", ".join(map(str, run["errors"])),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def calibration() -> str:
    """Give the table of what one temperature does to probabilities, and of how many answers are sure."""
    found = read_json(ROOT / "metrics/calibrate.json")
    before, after = found["before"], found["after"]
    lines = [
        f"| test images, temperature {found['temperature']:.2f} | before | after |",
        "| --- | ---: | ---: |",
        *(
            f"| {title} | {before[key]:.{digits}f} | {after[key]:.{digits}f} |"
            for title, key, digits in (
                ("negative log-likelihood", "negative_log_likelihood", 4),
                ("Brier score", "brier", 5),
            )
        ),
        f"| expected calibration error, 15 bins | {_percent(before['ece'])} | {_percent(after['ece'])} |",
        "",
        "| threshold | answered | of those, right | 95 % interval |",
        "| ---: | ---: | ---: | --- |",
    ]
    for threshold, answers in (
        (found["threshold"], found["answered"]),
        (found["answered_for_99_95"]["threshold"], found["answered_for_99_95"]),
    ):
        lines.append(
            f"| {threshold:.3f} | {_percent(answers['coverage'])} | {_percent(answers['accuracy'])} | "
            f"{_interval(answers['accuracy_ci95'])} |"
        )
    return "\n".join(lines)


def training_speed() -> str:
    """Give the table of images a second in training."""
    found = read_json(ROOT / "benchmarks/results/training_speed.json")
    tables = {table["threads"]: table["ways"] for table in found["tables"]}
    lines = [
        f"| {_machine(found['machine'])} | " + " | ".join(f"{threads} threads" for threads in tables) + " |",
        "| --- |" + " ---: |" * len(tables),
    ]
    for way, row in next(iter(tables.values())).items():
        cells = (
            f"{ways[way]['images_per_second']:,} ({ways[way]['ratio_to_published']:.2f})" for ways in tables.values()
        )
        lines.append(f"| {row['way']} | {' | '.join(cells)} |")
    return "\n".join(lines).replace("1 threads", "1 thread")


def search() -> str:
    """Give the table of seconds that a search takes."""
    found = read_json(ROOT / "benchmarks/results/search.json")
    subset, halving = found["subset"], found["halving"]
    rows = [("published way", subset["published"]["seconds"], 1.0)]
    rows += [(f"engine `{name}`", row["seconds"], row["times_faster"]) for name, row in subset["engines"].items()]
    rows = [(f"{subset['fits']} fits on {subset['images']:,} images: {name}", *row) for name, *row in rows]
    rows += [
        (
            "384 fits on 40,000 images: published way, by its time for an image",
            halving["published_seconds_extrapolated"],
            1.0,
        ),
        (f"the search of `params.yaml`, engine `{halving['engine']}`", halving["seconds"], halving["times_faster"]),
    ]
    lines = [f"| {_machine(halving['machine'])} | seconds | times faster |", "| --- | ---: | ---: |"]
    return "\n".join(lines + [f"| {name} | {seconds:,.0f} | {faster:.1f} |" for name, seconds, faster in rows])


def fast() -> str:
    """Give the table of the network that is trained in seconds."""
    lines = [
        "| | seeds | mean test accuracy | 95 % interval of the mean | seconds |",
        "| --- | ---: | ---: | --- | --- |",
    ]
    for row in read_json(ROOT / "benchmarks/results/time_to_99.json")["rows"].values():
        if isinstance(row, str):
            continue
        seconds, machine = row["seconds"], row["machine"]
        device = _machine(machine) if machine["device"] == "cpu" else machine["device"]
        lines.append(
            f"| {device} | {len(row['accuracies'])} | {_percent(row['mean'])} | {_interval(row['mean_ci95'])} | "
            f"{seconds['median']:.2f} ({seconds['min']:.2f} to {seconds['max']:.2f}) |"
        )
    return "\n".join(lines)


def robustness() -> str:
    """Give the tables of what worn and attacked images cost."""
    found = read_json(ROOT / "metrics/robustness.json")
    lines = ["| the final model's accuracy | | | | | |", "| --- | ---: | --- | ---: | --- | ---: |"]
    shown = [f"{name.replace('_', ' ')} | {_percent(accuracy)}" for name, accuracy in found["accuracy"].items()]
    shown += [" | "] * (-len(shown) % 3)
    third = len(shown) // 3
    columns = (shown[k * third : (k + 1) * third] for k in range(3))
    lines += [f"| {' | '.join(cells)} |" for cells in zip(*columns, strict=True)]
    lines += ["", "| | mean corruption error |", "| --- | ---: |"]
    ours = f"{_percent(found['mean_corruption_error'])} ({_interval(found['mean_corruption_error_ci95'])})"
    rows = [(found["mean_corruption_error"], NAMES[FINAL], ours)]
    rows += [(error, NAMES[name], _percent(error)) for name, error in found["baselines"].items()]
    lines += [f"| {name} | {error} |" for _, name, error in sorted(rows)]
    return "\n".join(lines)


def _machine(machine: dict) -> str:
    return f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}"


TABLES = {
    "baselines": baselines,
    "calibration": calibration,
    "fast": fast,
    "reading": reading,
    "reference": reference,
    "robustness": robustness,
    "search": search,
    "seeds": seeds,
    "training_speed": training_speed,
}


def pages() -> list[Path]:
    """List the documents that people read."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def with_tables(text: str) -> str:
    """Put the tables where the marks are."""
    for name, table in TABLES.items():
        start, end = f"<!-- table {name}, by docs/tables.py -->\n", "<!-- end -->"
        before, mark, rest = text.partition(start)
        if mark:
            text = f"{before}{start}{table()}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    for page in pages():
        content = page.read_text(encoding="utf-8")
        if with_tables(content) != content:
            with replacing(page) as temporary:
                temporary.write_text(with_tables(content), encoding="utf-8")
            print(f"made anew: {page.relative_to(ROOT)}")
