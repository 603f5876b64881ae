"""Labels that are likely wrong: training labels found by out-of-fold answers, test labels known from the literature."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cleanlab.filter import find_label_issues
from sklearn.model_selection import StratifiedKFold

from digitrec.evaluation.inference import predict_probabilities
from digitrec.evaluation.predictions import prediction_rows
from digitrec.evaluation.scores import accuracy_scores
from digitrec.pipeline.jobs import side_by_side
from digitrec.pipeline.progress import progress_bar
from digitrec.pipeline.seeding import derive_seed
from digitrec.spec import ImageSpec, TrainingSpec
from digitrec.training.fit import fit

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
    training: TrainingSpec,
    image: ImageSpec,
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
    training : TrainingSpec
        Every fold's network derives its own seed.
    image : ImageSpec
    folds : int
        Stratified; a network each.
    images, labels : array
        uint8 of shape (n, height, width, channels) and integers of shape (n,).
    resume_folder : Path
        Where finished folds and unfinished epochs are kept.
    device : str
    jobs : int
        Folds at a time, a thread each.

    Returns
    -------
    array
        float32 of shape (n, classes).

    Raises
    ------
    DigitrecError
        When a process that was training was killed.
    """
    splitter = StratifiedKFold(folds, shuffle=True, random_state=derive_seed(training.seed, "folds"))
    parts = list(splitter.split(images, labels))
    tasks = [
        (
            training.model_copy(update={"seed": derive_seed(training.seed, "fold", number)}),
            image,
            images,
            labels,
            train,
            test,
            resume_folder,
            device,
        )
        for number, (train, test) in enumerate(parts)
    ]
    probabilities = np.empty((len(labels), image.n_classes), np.float32)
    with progress_bar(folds, "folds", unit="fold") as bar:
        for number, answers in side_by_side(_fit_fold, tasks, jobs, "training"):
            probabilities[parts[number][1]] = answers
            bar.update()
    return probabilities


def _fit_fold(
    training: TrainingSpec,
    image: ImageSpec,
    images: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    resume_folder: Path,
    device: str,
) -> np.ndarray:
    torch.set_num_threads(1)
    classifier, _ = fit(training, image, images[train], labels[train], device, resume_folder, verbose=0)
    return predict_probabilities(classifier.module_.eval(), images[test])


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
        index, label, predicted, probability (of what is predicted) and probability_of_label of the suspicious ones, the
        least likely label first.
    """
    ranked = find_label_issues(
        labels.astype(np.int64), probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return _rows(ranked, labels, probabilities)


def _rows(indices: Sequence[int], labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, Any]]:
    rows = prediction_rows(labels[indices], probabilities[indices])
    return [row | {"index": int(index)} for row, index in zip(rows, indices, strict=True)]


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
        As `suspicious_rows` gives them, without probability_of_label, with is_error (by the wrong label). Empty when
        the labels are not those of MNIST's test set.
    """
    if len(labels) <= max(KNOWN_WRONG) or any(labels[index] != label for index, label in KNOWN_WRONG.items()):
        return []
    keys = ("index", "label", "predicted", "probability")
    return [
        {key: row[key] for key in keys} | {"is_error": row["predicted"] != row["label"]}
        for row in _rows(list(KNOWN_WRONG), labels, probabilities)
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
