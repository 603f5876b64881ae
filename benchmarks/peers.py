"""How soon a search holds a configuration that is as good as the best, beside Optuna and scikit-learn's halving.

Reads   params.yaml; MNIST as stage `download` finds it; $DIGITREC_JOBS
Writes  benchmarks/results/peers.json

Usage: python benchmarks/peers.py [--loss-input softmax] [--searches digitrec halving/published ...] [--seeds 0 1 2]
                                  [--minutes 8] [--trainings 3]
Needs Optuna: pip install optuna
All search the 128 candidates of params.yaml on MNIST's training images by recipe `paper`, or the same but for logits in
place of its softmax twice, in as many processes, of one thread each. `published` is skorch with its defaults over
torchvision's dataset with transforms, `estimator` our own. `halving` is scikit-learn's HalvingGridSearchCV with the
rounds of our search; `optuna` is TPE with Hyperband, which scores on one fold, over seeds, for so many minutes each.
Each configuration that a search held is then trained on the training images, from so many seeds, and scored on the test
images, which no search sees. Good is what errs, in the mean, on at most 0.1 % more of them than the best of all. What
is finished is kept: searches in the results, trainings in data/cache/peers.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peer_searches import digitrec_halving, optuna_search, peer_halving
from search import mnist_problem, test_answers
from torchvision.datasets import MNIST

from digitrec.config.params import load_params
from digitrec.pipeline.environment import jobs_from_environment
from digitrec.pipeline.files import read_json, write_json
from digitrec.pipeline.jobs import side_by_side
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage, stopwatch
from digitrec.search.cells import Problem
from digitrec.spec import Hyperparameters

SEARCHES = ("digitrec", "halving/published", "halving/estimator", "optuna/published", "optuna/estimator")
LOSS_INPUTS = ("softmax", "logits")
# Share of the test images by which a configuration may be worse than the best.
WITHIN = 0.001


def name_of(params: dict[str, Any]) -> str:
    """Name a configuration, whichever search held it."""
    return json.dumps(params, sort_keys=True)


def accuracy_of(problem: Problem, params: dict[str, Any], seed: int, test: MNIST, states: Path) -> float:
    """Train a configuration on one thread, and score it on the test images."""
    torch.set_num_threads(1)
    answers = test_answers(replace(problem, seed=seed), Hyperparameters.model_validate(params), test, "cpu", states)
    return float(np.mean(answers == test.targets.numpy()))


def main(root: Path) -> None:
    """Search, train what was held, print, write."""
    parser = argparse.ArgumentParser(description="How soon a search holds a good configuration, beside peers.")
    parser.add_argument("--loss-input", choices=LOSS_INPUTS, default="softmax", help="default: %(default)s")
    parser.add_argument("--searches", nargs="*", choices=SEARCHES, default=SEARCHES, help="default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of Optuna (default: 0 to 2)")
    parser.add_argument("--minutes", type=float, default=8, help="for Optuna, a seed (default: %(default)s)")
    parser.add_argument("--trainings", type=int, default=3, help="of a configuration (default: %(default)s)")
    options = parser.parse_args()
    jobs = jobs_from_environment()
    machine = describe_machine() | {"jobs": jobs}
    print(headline(machine), f"{jobs} fits at a time", sep=", ", flush=True)
    params = load_params(root / "params.yaml")
    path = root / "benchmarks/results/peers.json"
    found = read_json(path) if path.exists() else {}
    searches = found.setdefault(options.loss_input, {}).setdefault("searches", {})
    recipe = params.recipes["paper"].model_copy(update={"loss_input": options.loss_input})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        dataset, problem = mnist_problem(root, folder, "mnistnet", recipe, params.seed)
        space = params.search.for_model("mnistnet")
        for search in options.searches:
            kind, _, way = search.partition("/")
            for seed in options.seeds if kind == "optuna" else [params.seed]:
                with stopwatch() as seconds:
                    if kind == "digitrec":
                        held = digitrec_halving(problem, space, jobs)
                    elif kind == "halving":
                        held = peer_halving(way, dataset, problem, space, jobs)
                    else:
                        held = optuna_search(way, dataset, problem, space, jobs, seed, options.minutes)
                searches[f"{search}, seed {seed}"] = {
                    "search": search,
                    "seed": seed,
                    "seconds": seconds(),
                    "held": held,
                    "machine": machine,
                }
                write_json(path, found)
                print(f"{search}, seed {seed}:", *held, sep="\n  ", flush=True)
        by_name = {name_of(one["params"]): one["params"] for search in searches.values() for one in search["held"]}
        test = MNIST(folder, train=False)
        trainings = [(name, seed) for seed in range(options.trainings) for name in by_name]
        tasks = [(problem, by_name[name], seed, test, root / "data/cache/peers") for name, seed in trainings]
        scores: dict[str, list[float]] = {name: [] for name in by_name}
        for number, accuracy in side_by_side(accuracy_of, tasks, jobs, "training"):
            name, seed = trainings[number]
            scores[name].append(accuracy)
            print(f"{accuracy:.4f} seed {seed}, {name}", flush=True)
    accuracies = {name: round(float(np.mean(each)), 6) for name, each in scores.items()}
    best = max(accuracies.values())
    for title, search in searches.items():
        for one in search["held"]:
            one["test_accuracy"] = accuracies[name_of(one["params"])]
        good = [one["seconds"] for one in search["held"] if one["test_accuracy"] >= best - WITHIN]
        search["seconds_until_good"] = good[0] if good else None
        print(f"{title}: {f'{good[0]:.0f} s' if good else 'never'}, of {search['seconds']:.0f} s")
    found[options.loss_input] |= {"best_test_accuracy": best, "within": WITHIN, "trainings": options.trainings}
    write_json(path, found)


if __name__ == "__main__":
    run_stage(main)
