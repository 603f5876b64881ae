"""The searches that `peers.py` measures: each gives the configurations that it would have answered, and when.

The published way is skorch with its defaults over torchvision's dataset with transforms. All search the same
candidates by the same recipe: a constant learning rate, images as they are, and softmax twice, as published, or logits.
"""

import functools
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from joblib import parallel_config
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState
from search import OPTIMIZERS, published_classifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV, ParameterGrid, StratifiedKFold
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.helper import SliceDataset, predefined_split
from torch.utils.data import Subset
from torchvision.datasets import MNIST

from digitrec import DigitClassifier
from digitrec.pipeline.files import read_array
from digitrec.pipeline.jobs import side_by_side
from digitrec.pipeline.stage import stopwatch
from digitrec.search import skorch_engine
from digitrec.search.cells import Cell, Problem
from digitrec.search.space import PREFIX, candidate_of, parameter_grid
from digitrec.search.strategies import run_search
from digitrec.spec import Hyperparameters, SearchSpec
from digitrec.training.classifier import ImageRows, build_classifier

# Seconds from the beginning, the configuration that was the best then, and by which score.
Held = list[dict[str, Any]]


def _held(seconds: float, candidate: Hyperparameters, score: float) -> dict[str, Any]:
    return {"seconds": seconds, "params": candidate.model_dump(mode="json"), "score": score}


def digitrec_halving(problem: Problem, search: SearchSpec, jobs: int) -> Held:
    """Our search: what it holds after each round."""
    scores: dict[str, float] = {}
    held: Held = []

    def compute(cells: Sequence[Cell], title: str) -> None:
        by_candidate: dict[str, list[float]] = {}
        for finished in skorch_engine.fit_cells(problem, cells, jobs, "cpu"):
            for cell, score, _ in finished:
                scores[cell.key("")] = np.nan if score is None else score
                by_candidate.setdefault(cell.candidate.model_dump_json(), []).append(scores[cell.key("")])
        best = max(by_candidate, key=lambda name: float(np.nanmean([0, *by_candidate[name]])))
        held.append(_held(seconds(), Hyperparameters.model_validate_json(best), float(np.mean(by_candidate[best]))))
        print(f"  {title}: {held[-1]}", flush=True)

    with stopwatch() as seconds:
        run_search(search, np.load(problem.labels), problem.seed, compute, lambda cell: scores[cell.key("")])
    return held


def _as_skorch(params: dict[str, Any]) -> dict[str, Any]:
    """Name parameters, or their lists of values, as skorch does."""
    named = {name.replace(PREFIX, "module__"): value for name, value in params.items()}
    wanted = named["optimizer"]
    named["optimizer"] = OPTIMIZERS[wanted] if isinstance(wanted, str) else [OPTIMIZERS[name] for name in wanted]
    return named


def _from_skorch(found: dict[str, Any]) -> Hyperparameters:
    named = {name.replace("module__", PREFIX): value for name, value in found.items()}
    return candidate_of(named | {"optimizer": named["optimizer"].__name__.lower()})


class TimedHalving(HalvingGridSearchCV):
    """scikit-learn's own search, which notes when each of its rounds was done."""

    # scikit-learn looks at the signature to know what to pass.
    @functools.wraps(HalvingGridSearchCV._run_search)
    def _run_search(self, evaluate_candidates: Callable, **context: Any) -> None:
        self.ends_: list[float] = []
        began = time.perf_counter()

        def evaluate(*arguments: Any, **more: Any) -> Any:
            results = evaluate_candidates(*arguments, **more)
            self.ends_.append(time.perf_counter())
            print(f"  round {len(self.ends_)} after {self.ends_[-1] - began:.0f} s", flush=True)
            return results

        super()._run_search(evaluate, **context)


def peer_halving(way: str, dataset: MNIST, problem: Problem, search: SearchSpec, jobs: int) -> Held:
    """HalvingGridSearchCV with the rounds of our search, over skorch in the published way or over our estimator."""
    classifier: Any
    if way == "published":
        grid = _as_skorch(parameter_grid(search))
        classifier = published_classifier(module__loss_input=problem.recipe.loss_input)
        images: Any = SliceDataset(dataset)
    else:
        grid = {name: list(values) for name, values in search.space.items()}
        grid["architecture"] = list(ParameterGrid({name: list(v) for name, v in search.architecture.items()}))
        classifier = DigitClassifier("mnistnet", recipe=problem.recipe.model_dump(), device="cpu")
        images = np.load(problem.images)
    rounds = {"min_resources": search.min_images, "max_resources": search.max_images, "factor": search.factor}
    folds = StratifiedKFold(search.cv, shuffle=True, random_state=0)
    halving = TimedHalving(classifier, grid, cv=folds, refit=False, n_jobs=jobs, random_state=0, **rounds)
    began = time.perf_counter()
    with parallel_config(backend="loky", inner_max_num_threads=1):
        halving.fit(images, np.load(problem.labels).astype(np.int64))
    results, held = halving.cv_results_, []
    for number, end in enumerate(halving.ends_):
        score, row = max((results["mean_test_score"][row], row) for row in np.flatnonzero(results["iter"] == number))
        found = results["params"][row]
        best = _from_skorch(found) if way == "published" else Hyperparameters.model_validate(found)
        held.append(_held(end - began, best, float(score)))
    return held


class Prune(Callback):
    """Tell Optuna the validation accuracy of each epoch, and stop where it says so."""

    def __init__(self, trial: Trial, name: str):
        self.trial = trial
        self.name = name

    def on_epoch_end(self, net: NeuralNetClassifier, **kwargs: Any) -> None:
        self.trial.report(net.history[-1, self.name], len(net.history))
        if self.trial.should_prune():
            raise optuna.TrialPruned


def _study(journal: Path, seed: int, epochs: int) -> optuna.Study:
    optuna.logging.set_verbosity(logging.ERROR)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(journal))),
        study_name="peers",
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3),
        load_if_exists=True,
    )


def optimize(
    journal: Path, seed: int, way: str, dataset: MNIST, problem: Problem, search: SearchSpec, until: float
) -> None:
    """Try what Optuna proposes on one fold, in one of the processes that share a study, until it is that late."""
    torch.set_num_threads(1)
    labels = np.load(problem.labels).astype(np.int64)
    train, valid = next(StratifiedKFold(search.cv, shuffle=True, random_state=0).split(labels, labels))

    def objective(trial: Trial) -> float:
        params = {name: trial.suggest_categorical(name, values) for name, values in parameter_grid(search).items()}
        if way == "published":
            name, callbacks = "valid_acc", [("prune", Prune(trial, "valid_acc"))]
            held_out = predefined_split(Subset(dataset, valid))
            classifier: Any = published_classifier(
                train_split=held_out,
                classes=list(range(10)),
                callbacks=callbacks,
                module__loss_input=problem.recipe.loss_input,
            ).set_params(**_as_skorch(params))
            classifier.fit(Subset(dataset, train), None)
        else:
            name = "valid_accuracy"
            images = read_array(problem.images)
            classifier = build_classifier(
                problem.training(candidate_of(params), seed),
                problem.image,
                images=images,
                valid=ImageRows(images, labels, valid),
                callbacks=[("prune", Prune(trial, name))],
                verbose=0,
            )
            classifier.fit(train, labels[train])
        score = float(classifier.history[-1, name])
        print(f"  trial {trial.number}: {score:.4f}, {params}", flush=True)
        return score

    _study(journal, seed, max(search.space["max_epochs"])).optimize(objective, timeout=until - time.time())


def optuna_search(
    way: str, dataset: MNIST, problem: Problem, search: SearchSpec, jobs: int, seed: int, minutes: float
) -> Held:
    """TPE with Hyperband's pruning for so many minutes, in `jobs` processes: each better trial that was finished."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "study.log"
        began = time.time()
        until = began + 60 * minutes
        tasks = [(journal, seed * jobs + job, way, dataset, problem, search, until) for job in range(jobs)]
        list(side_by_side(optimize, tasks, jobs, "searching"))
        trials = _study(journal, seed, 1).get_trials(states=[TrialState.COMPLETE])
    held: Held = []
    for trial in sorted(trials, key=lambda trial: trial.datetime_complete):
        if not held or trial.value > held[-1]["score"]:
            candidate = candidate_of(trial.params)
            held.append(_held(trial.datetime_complete.timestamp() - began, candidate, trial.value))
    return held
