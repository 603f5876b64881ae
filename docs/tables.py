"""Write what stands between two marks in README.md and docs/*.md anew: tables of the last run's results.

Reads   metrics, reproduction/metrics/claims.json, benchmarks/results, params.yaml
Writes  README.md, docs/*.md

Usage: PYTHONPATH=src python -m docs.tables
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from digitrec.evaluation.comparison import FINAL
from digitrec.evaluation.scores import wilson_interval
from digitrec.pipeline.files import read_json, replacing
from digitrec.reproduction.claims import paper_of
from digitrec.reproduction.costs import choice_by_test, system_difference
from digitrec.reproduction.ledger import VERDICTS
from digitrec.reproduction.measures import Measurements
from docs.markdown import interval, machine_of, percent, seconds_of, table
from docs.measured import fast, own_images, peers, pipeline, search, training_speed
from docs.reference import reference
from docs.scaling import cores, many, workers

ROOT = Path(__file__).parents[1]
# Kinds of page that are shown.
N_WORST = 5
# Kinds of Omniglot's characters, by folder, that are written as a digit is, told by eye.
LOOK_ALIKES = (
    "Balinese/character05",
    *(f"Early_Aramaic/character{number}" for number in ("03", "04", "06", "16", "17", "20")),
    "Greek/character15",
    *(f"Korean/character{number}" for number in ("10", "21", "22", "33", "37")),
    *(f"Latin/character{number}" for number in ("07", "09", "12", "15", "17", "19", "26")),
)
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
    head = ["", "test accuracy", "95 % interval", "errors", "parameters", "McNemar p", "fit, s", "predict, s"]
    rows = []
    for name, scores in read_json(ROOT / "metrics/compare_baselines.json").items():
        p, accuracy = scores["mcnemar_p"], percent(scores["accuracy"])
        cells = [
            NAMES[name],
            f"**{accuracy}**" if name == FINAL else accuracy,
            interval(scores["accuracy_ci95"]),
            f"{scores['errors']:,}",
            f"{scores['n_parameters']:,}",
            "" if name == FINAL else f"{p:.0e}".replace("e-0", "e-") if p else "< 1e-300",
            seconds_of(times[name]["fit_seconds"]),
            seconds_of(times[name]["predict_seconds"]),
        ]
        rows.append(cells)
    return table(head, "lrlrrrrr", rows)


def reading() -> str:
    """Give the table of what is read of composed pages, the kinds read worst among them, and of what is refused."""
    pages, reader = (read_json(ROOT / f"metrics/{name}.json") for name in ("read_pages", "train_reader"))
    worst = sorted(pages["kinds"].items(), key=lambda kind: kind[1]["exact"] / kind[1]["pages"])[:N_WORST]
    sheets, foreign = (read_json(ROOT / f"benchmarks/results/{name}.json") for name in ("sheets", "refusals"))
    unlike = _unlike_digits(foreign)
    of_pages = [
        ["photographs of eleven pages by five people, at hand while this was made", *_of_pages(sheets)],
        ["composed pages", *_of_pages(pages)],
        *(
            [f"of those, {name}", f"{kind['right']} of {kind['digits']}", f"{kind['exact']} of {kind['pages']}"]
            for name, kind in worst
        ),
    ]
    kept, refused = reader["digits"], reader["refused"]["all"]
    unsure = f"{percent(refused['share'], 1)} of {refused['n']:,}"
    of_reader = [
        ["digits", f"{kept['right']:,} of {kept['n']:,}", str(kept["unsure"]), str(kept["wrong"])],
        ["no digits: letters, signs, scribbles, parts of digits", "", unsure, ""],
        [f"characters of {foreign['classes']} kinds in five alphabets (Omniglot)", "", _refused(foreign), ""],
        [f"of those, {unlike['classes']} kinds that look like no digit", "", _refused(unlike), ""],
    ]
    return "\n\n".join(
        [
            table(["", "digits right", "pages exact"], "lll", of_pages),
            table(
                ["single ones: validation images and drawn ones", "answered rightly", "unsure", "wrong"],
                "lrrr",
                of_reader,
            ),
        ]
    )


def _of_pages(score: dict[str, Any]) -> list[str]:
    """Tell how many digits are right and how many pages exact."""
    digits, exact = (interval(score[key], 1) for key in ("right_ci95", "exact_ci95"))
    return [
        f"{score['right']:,} of {score['digits']:,} ({digits} %), {score['extra']} too many",
        f"{score['exact']} of {score['pages']} ({exact} %)",
    ]


def _unlike_digits(score: dict[str, Any]) -> dict[str, Any]:
    """Leave out the kinds of characters that are written as a digit is."""
    kinds = [kind for name, kind in score["by_class"].items() if not name.endswith(LOOK_ALIKES)]
    pictures, refused = (sum(kind[key] for kind in kinds) for key in ("pictures", "refused"))
    return {
        "classes": len(kinds),
        "pictures": pictures,
        "refused": refused,
        "refused_ci95": wilson_interval(refused, pictures),
    }


def _refused(score: dict[str, Any]) -> str:
    share = percent(score["refused"] / score["pictures"], 1)
    return f"{share} ({interval(score['refused_ci95'], 1)}) of {score['pictures']:,}"


def seeds() -> str:
    """Give the table of accuracies over seeds."""
    head = [
        "network, recipe",
        "seeds",
        "mean test accuracy",
        "deviation",
        "95 % interval of the mean",
        "errors by seed",
        "corrupted, wrong",
    ]
    names = {"best": "`best`, `modern`", "best_digits": "`best`, `modern_digits`"}
    runs = read_json(ROOT / "benchmarks/results/seeds.json")["runs"]
    rows = [
        [
            names.get(name, f"MNISTNet, `{name}`"),
            str(len(run["seeds"])),
            percent(run["mean"]),
            f"{100 * run['std']:.2f}",
            interval(run["mean_ci95"]),
            ", ".join(map(str, run["errors"])),
            # Runs of an earlier code were not asked.
            percent(mean(run["mean_corruption_errors"])) if "mean_corruption_errors" in run else "",
        ]
        for name, run in sorted(runs.items(), key=lambda each: -each[1]["mean"])
    ]
    return table(head, "lrrrllr", rows)


def luck() -> str:
    """Say what the default recipe gives over seeds."""
    run = read_json(ROOT / "benchmarks/results/seeds.json")["runs"]["modern_digits"]
    maps = "/".join(str(run["settings"]["architecture"][layer]) for layer in ("num_units", "out_units", "fout_units"))
    return (
        f"The mean of {len(run['seeds'])} seeds of MNISTNet with {maps} maps, each on one thread of an "
        f"{run['machine']['cpu']} server, is {percent(run['mean'])} (95 % interval {interval(run['mean_ci95'])}), with "
        f"{', '.join(map(str, run['errors']))} errors."
    )


def calibration() -> str:
    """Give the table of how far probabilities are from what happens, and of how many answers are sure."""
    found = read_json(ROOT / "metrics/calibrate.json")
    stages = {"the network's own": found["before"]}
    if found["temperature"] != 1:
        stages[f"temperature {found['temperature']:.2f}"] = found["after"]
    shown: dict[str, Callable[[dict[str, Any]], str]] = {
        "negative log-likelihood": lambda each: f"{each['negative_log_likelihood']:.4f}",
        "Brier score": lambda each: f"{each['brier']:.5f}",
        "expected calibration error, 15 bins of equal width": lambda each: percent(each["ece"]),
        "its 95 % interval": lambda each: interval(each["ece_ci95"]),
        "expected calibration error, 15 bins of equal count": lambda each: percent(each["ece_adaptive"]),
    }
    scores = [[name, *map(told, stages.values())] for name, told in shown.items()]
    answered = [
        [f"{threshold:.3f}", percent(each["coverage"]), percent(each["accuracy"]), interval(each["accuracy_ci95"])]
        for threshold, each in (
            (found["threshold"], found["answered"]),
            (found["answered_for_99_95"]["threshold"], found["answered_for_99_95"]),
        )
    ]
    return "\n\n".join(
        [
            table(["test images", *stages], "l" + "r" * len(stages), scores),
            table(["threshold", "answered", "of those, right", "95 % interval"], "rrrl", answered),
        ]
    )


def robustness() -> str:
    """Give the tables of what worn and attacked images cost."""
    found = read_json(ROOT / "metrics/robustness.json")
    shown = [(name.replace("_", " "), percent(accuracy)) for name, accuracy in found["accuracy"].items()]
    # Three beside each other.
    third = -(-len(shown) // 3)
    shown += [("", "")] * (3 * third - len(shown))
    accuracies = [
        [*first, *second, *last]
        for first, second, last in zip(*(shown[k * third : (k + 1) * third] for k in range(3)), strict=True)
    ]
    ours = f"{percent(found['mean_corruption_error'])} ({interval(found['mean_corruption_error_ci95'])})"
    errors = [(found["mean_corruption_error"], NAMES[FINAL], ours)]
    errors += [(error, NAMES[name], percent(error)) for name, error in found["baselines"].items()]
    return "\n\n".join(
        [
            table(["the final model's accuracy", *[""] * 5], "lrlrlr", accuracies),
            table(["", "mean corruption error"], "lr", [row for _, *row in sorted(errors)]),
        ]
    )


def faults() -> str:
    """Give the table of what happened to pipelines, and of how the next run ended."""
    found = read_json(ROOT / "benchmarks/results/faults.json")
    head = [
        machine_of(found["machine"]),
        "rounds",
        "the same at once",
        "after what the error names",
        "after what `make verify` names",
        "failed",
    ]
    rows = []
    for kind in found["kinds"].values():
        cells = [str(kind[key]) for key in ("rounds", "same", "mended", "verified")]
        if "left_out" in kind:
            cells = ["left out", *[""] * 3]
        rows.append([kind["title"], *cells, str(sum(kind["failed"].values()))])
    met: Counter[str] = Counter()
    for kind in found["kinds"].values():
        met.update(kind["stages"])
    stages = ", ".join(f"`{stage}` {n}" for stage, n in met.most_common())
    return f"{table(head, 'lrrrrr', rows)}\n\nRounds by stage: {stages}."


def endurance() -> str:
    """Give the table of what became of requests under load, and tell of workers that were killed meanwhile."""
    found = read_json(ROOT / "benchmarks/results/endurance.json")
    counts, settings = found["counts"], found["settings"]
    rows = [
        [kind, f"{counts[f'sent, {kind}']:,}", f"{right:,}" if (right := counts.get(f"right, {kind}")) else ""]
        for kind in ("usual", "malformed", "slow", "aborted")
    ]
    head = f"{machine_of(found['machine'])}; {settings['minutes']:g} minutes, {settings['connections']} connections"
    memory, files = found["oldest_worker_memory_mb"], found["oldest_worker_open_files"]
    told = (
        f"{counts.get('wrong', 0) + counts.get('lost', 0)} answers were wrong or lost; "
        f"{counts['cut off by a kill']:,} connections ended with a worker that was killed. Of {settings['workers']} "
        f"workers one was killed {found['kills']} times and replaced after {max(found['replaced_after_seconds']):g} s "
        f"at most; the model was loaded again {found['reloads']} times. The worker that was never killed had "
        f"{memory['first']:.0f} MB after a minute, {memory['largest']:.0f} at most and {memory['last']:.0f} at "
        f"the end, and {files['first']}, {files['largest']} and {files['last']} open files."
    )
    return f"{table([head, 'sent', 'answered rightly'], 'lrr', rows)}\n\n{told}"


def recipes() -> str:
    """Give the table of what each part of the default recipe does to errors on held-out training images."""
    variants = read_json(ROOT / "benchmarks/results/recipes.json")["variants"]
    ideas = read_json(ROOT / "benchmarks/results/ideas.json")["ideas"]
    rows = []
    for name, variant in (variants | ideas).items():
        seeds = list(variant["seeds"].values())
        corrupted = mean(one["mean_corruption_error"] for one in seeds)
        errors = [one["errors"] for one in seeds]
        wrong = sum(errors) / sum(one["n"] for one in seeds)
        rows.append([name, ", ".join(map(str, errors)), percent(wrong), percent(corrupted)])
    head = ["the recipe, but", f"errors of {seeds[0]['n']:,} by seed", "mean", "corrupted, wrong"]
    return table(head, "llrr", rows)


def ledger() -> str:
    """Give the table of how many published numbers got which verdict."""
    rows = read_json(ROOT / "reproduction/metrics/claims.json")
    papers = dict.fromkeys(paper_of(row["system"]) for row in rows)
    counts = {paper: Counter(row["verdict"] for row in rows if paper_of(row["system"]) == paper) for paper in papers}
    counts["all"] = Counter(row["verdict"] for row in rows)
    cells = [
        [paper, str(count.total()), *(str(count[verdict]) for verdict in VERDICTS)] for paper, count in counts.items()
    ]
    return table(["paper", "numbers", *VERDICTS], "lr" + "r" * len(VERDICTS), cells)


def costs() -> str:
    """Give the table of what some of the papers' choices cost."""
    systems = {path.stem: read_json(path) for path in (ROOT / "reproduction/metrics/systems").glob("*.json")}
    nothing = {"times": {}, "baselines": {}, "test_labels": np.empty(0, int), "n_train_images": 0}
    measured = Measurements(systems=systems, **nothing, pixels=None, search=None)
    compared = {
        "softmax before cross-entropy, which applies it again": "okon-logits",
        "pixel statistics guessed, not measured": "okon-statistics",
    }
    rows = []
    for what, without in compared.items():
        found = system_difference(without, "okon", measured)
        assert found is not None
        low, high = (f"{end:.2f}".replace("-", "−") for end in found["interval"])
        rows.append([f"{what} (Okon; {found['seeds']} seeds)", f"{found['mean']:.2f}", f"{low} to {high}"])
    choice = choice_by_test(measured)
    assert choice is not None
    what = f"the epoch chosen by the test set, which no text says that it did (mean over {choice['runs']} runs)"
    rows.append([what, f"{choice['mean']:.2f}", f"at most {choice['highest']:.2f} in a run"])
    return table(["", "points", "95 % interval"], "lrl", rows)


TABLES = {
    "baselines": baselines,
    "calibration": calibration,
    "cores": cores,
    "costs": costs,
    "endurance": endurance,
    "fast": fast,
    "faults": faults,
    "ledger": ledger,
    "luck": luck,
    "many": many,
    "own_images": own_images,
    "peers": peers,
    "pipeline": pipeline,
    "reading": reading,
    "recipes": recipes,
    "reference": reference,
    "robustness": robustness,
    "search": search,
    "seeds": seeds,
    "training_speed": training_speed,
    "workers": workers,
}


def pages() -> list[Path]:
    """List the documents that people read."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def with_tables(text: str) -> str:
    """Put the tables where the marks are."""
    for name, made in TABLES.items():
        start, end = f"<!-- table {name}, by docs/tables.py -->\n", "<!-- end -->"
        before, mark, rest = text.partition(start)
        if mark:
            text = f"{before}{start}{made()}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    for page in pages():
        content = page.read_text(encoding="utf-8")
        if with_tables(content) != content:
            with replacing(page) as temporary:
                temporary.write_text(with_tables(content), encoding="utf-8")
            print(f"made anew: {page.relative_to(ROOT)}")
