"""Labels that are likely wrong: training labels found by out-of-fold answers, test labels known from the literature."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cleanlab.filter import find_label_issues
from joblib import Parallel, delayed, parallel_config
from matplotlib.figure import Figure
from sklearn.model_selection import StratifiedKFold

from digitrec.evaluation import prediction_rows
from digitrec.fitting import fit
from digitrec.jobs import exit_with
from digitrec.plots import gallery
from digitrec.progress import progress_bar
from digitrec.scores import accuracy_scores
from digitrec.seeding import derive_seed

# Numbers and labels of MNIST's test images whose label fewer than three of five reviewers confirmed: Northcutt,
# Athalye and Mueller 2021 (arXiv 2103.14749), mturk/mnist_mturk.json in the repository cleanlab/label-errors.
KNOWN_WRONG = {
    947: 8,
    1621: 0,
    1901: 9,
    2130: 4,
    2462: 2,
    2597: 5,
    2654: 6,
    3520: 6,
    3558: 5,
    5937: 5,
    6651: 0,
    6783: 1,
    8527: 4,
    9679: 6,
    9729: 5,
}


def out_of_fold_probabilities(
    settings: Mapping[str, Any],
    folds: int,
    images: np.ndarray,
    labels: np.ndarray,
    resume_folder: Path,
    device: str,
    jobs: int,
) -> np.ndarray:
    """Ask, for each image, a network that was trained without it.

    Parameters
    ----------
    settings : mapping
        As `digitrec.fitting.fit` takes them; every fold's network derives its own seed.
    folds : int
        Stratified; a network each.
    images, labels : array
        uint8 of shape (n, 28, 28) and integers of shape (n,).
    resume_folder : Path
        Where finished folds and unfinished epochs are kept.
    device : str
    jobs : int
        Folds at a time, a thread each.

    Returns
    -------
    array
        float32 of shape (n, 10).
    """
    splitter = StratifiedKFold(folds, shuffle=True, random_state=derive_seed(settings["seed"], "folds"))
    parts = list(splitter.split(images, labels))
    tasks = (
        delayed(_fit_fold)(
            number,
            os.getpid(),
            {**settings, "seed": derive_seed(settings["seed"], "fold", number)},
            images,
            labels,
            train,
            test,
            resume_folder,
            device,
        )
        for number, (train, test) in enumerate(parts)
    )
    probabilities = np.empty((len(labels), 10), np.float32)
    with progress_bar(folds, "folds", unit="fold") as bar, parallel_config(backend="loky", inner_max_num_threads=1):
        for number, answers in Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(tasks):
            probabilities[parts[number][1]] = answers
            bar.update()
    return probabilities


def _fit_fold(
    number: int,
    parent: int,
    settings: Mapping[str, Any],
    images: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    resume_folder: Path,
    device: str,
) -> tuple[int, np.ndarray]:
    exit_with(parent)
    torch.set_num_threads(1)
    classifier, _ = fit(settings, images[train], labels[train], device, resume_folder, verbose=0)
    # From here on X is images, no longer row numbers of the fold's.
    classifier.images = None
    return number, classifier.predict_proba(images[test])


def suspicious_rows(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """Rank the labels that are likely wrong.

    By confident learning (Northcutt, Jiang and Chuang 2021, doi 10.1613/jair.1.12125) as cleanlab does it.

    Parameters
    ----------
    labels : array
        Integers of shape (n,).
    probabilities : array
        Out of fold, of shape (n, classes).

    Returns
    -------
    list of dict
        `prediction_rows` of the suspicious ones, the least likely label first.
    """
    ranked = find_label_issues(
        labels.astype(np.int64), probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    rows = prediction_rows(labels, probabilities)
    return [rows[index] for index in ranked]


def known_wrong_rows(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """Say what a classifier answers to the test images of MNIST whose label is known to be wrong.

    Parameters
    ----------
    labels : array
        Of the test images, integers of shape (n,).
    probabilities : array
        Of shape (n, classes).

    Returns
    -------
    list of dict
        index, label, predicted, probability (of what is predicted) and is_error (by the wrong label). Empty when the
        labels are not those of MNIST's test set.
    """
    if len(labels) <= max(KNOWN_WRONG) or any(labels[index] != label for index, label in KNOWN_WRONG.items()):
        return []
    rows = prediction_rows(labels, probabilities)
    keys = ("index", "label", "predicted", "probability")
    return [
        {key: rows[index][key] for key in keys} | {"is_error": rows[index]["predicted"] != label}
        for index, label in KNOWN_WRONG.items()
    ]


def summarize(
    labels: np.ndarray,
    probabilities: np.ndarray,
    suspicious: list[dict[str, Any]],
    test_labels: np.ndarray,
    final_probabilities: np.ndarray,
    known_wrong: list[dict[str, Any]],
) -> dict[str, Any]:
    """Count suspicious training labels, and the final model's errors with those on labels known to be wrong.

    Parameters
    ----------
    labels, probabilities : array
        Training labels, integers of shape (n,), and out-of-fold probabilities, of shape (n, classes).
    suspicious : list of dict
        From `suspicious_rows`.
    test_labels, final_probabilities : array
        The same of the test images and the final model.
    known_wrong : list of dict
        From `known_wrong_rows`.
    """
    out_of_fold = accuracy_scores(labels, probabilities.argmax(1))
    return {
        "n_train": len(labels),
        "out_of_fold_accuracy": out_of_fold["accuracy"],
        "out_of_fold_errors": out_of_fold["errors"],
        "n_suspicious_train": len(suspicious),
        "n_test": len(test_labels),
        "n_errors": accuracy_scores(test_labels, final_probabilities.argmax(1))["errors"],
        "errors_on_known_wrong": sum(row["is_error"] for row in known_wrong),
        "known_wrong": known_wrong,
    }


def suspicious_figures(
    images: np.ndarray,
    suspicious: list[dict[str, Any]],
    test_images: np.ndarray,
    known_wrong: list[dict[str, Any]],
    n_shown: int,
) -> dict[str, Figure]:
    """Draw the most suspicious training images and the test images with a wrong label.

    Parameters
    ----------
    images, test_images : array
        uint8 of shape (n, 28, 28).
    suspicious, known_wrong : list of dict
        From `suspicious_rows` and `known_wrong_rows`.
    n_shown : int
        Suspicious images drawn at most.

    Returns
    -------
    dict
        suspicious_labels and known_wrong_labels.
    """
    shown = suspicious[:n_shown]
    titles = [f"{row['label']} → {row['predicted']}\n{100 * row['probability']:.0f} %" for row in shown]
    heading = (
        f"Suspicious training labels: {len(shown)} of {len(suspicious)} (label → out-of-fold answer, its probability)"
    )
    answers = [f"no. {row['index']}\n{row['label']} → {row['predicted']}" for row in known_wrong]
    errors = sum(row["is_error"] for row in known_wrong)
    known_heading = (
        f"Test labels known to be wrong: {len(known_wrong)}\n"
        f"(label → final model's answer; {errors} answers count as errors)"
    )
    return {
        "suspicious_labels": gallery(images[[row["index"] for row in shown]], titles, heading),
        "known_wrong_labels": gallery(test_images[[row["index"] for row in known_wrong]], answers, known_heading, 5),
    }
