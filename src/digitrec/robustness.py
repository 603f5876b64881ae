"""How well classifiers hold when images are corrupted, or changed so that the network errs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from digitrec.attacks import fgsm, pgd
from digitrec.comparison import FINAL
from digitrec.corruptions import CORRUPTIONS, corrupt
from digitrec.progress import progress_bar
from digitrec.scores import accuracy_scores
from digitrec.seeding import derive_seed
from digitrec.training import DigitClassifier

# Not the pipeline's seed: a test set is the same for every network.
SEED = 0
EPS = (0.1, 0.2, 0.3)
CLEAN = "clean"
# Images at a time: little memory, and a bar that moves.
BATCH = 250


def spread(n: int, count: int) -> np.ndarray:
    """Choose `count` of n rows, evenly spread (MNIST's first half is the easier one), or all if there are fewer."""
    count = min(n, count)
    return np.arange(count) * n // count


def corrupted_images(images: np.ndarray) -> dict[str, np.ndarray]:
    """Corrupt images in all ways.

    Parameters
    ----------
    images : array
        uint8 of shape (n, 28, 28).

    Returns
    -------
    dict
        By name of the corruption: uint8 of the same shape.
    """
    with progress_bar(len(CORRUPTIONS), "corrupting", unit="kind") as bar:
        corrupted = {}
        for name in CORRUPTIONS:
            corrupted[name] = corrupt(images, name, SEED)
            bar.update()
    return corrupted


def adversarial_images(classifier: DigitClassifier, images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Attack a network whose weights are known, by each method at each eps.

    Parameters
    ----------
    classifier : DigitClassifier
        Trained.
    images, labels : array
        uint8 of shape (n, 28, 28) and integers of shape (n,).

    Returns
    -------
    dict
        By attack and eps, such as `fgsm_0.1`: float32 of shape (n, 28, 28), from 0 to 1.
    """
    pixels = torch.from_numpy(images / np.float32(255)).unsqueeze(1).to(classifier.device)
    targets = torch.from_numpy(labels.astype(np.int64)).to(classifier.device)
    generator = torch.Generator()
    names = [f"{attack}_{eps}" for attack in ("fgsm", "pgd") for eps in EPS]
    changed: dict[str, list[Tensor]] = {name: [] for name in names}
    with progress_bar(len(names) * len(images), "attacking", unit="image") as bar:
        for name in names:
            attack, eps = name.split("_")
            generator.manual_seed(derive_seed(SEED, name))
            for x, y in zip(pixels.split(BATCH), targets.split(BATCH), strict=True):
                arguments = (lambda x: network_logits(classifier, x), x, y, float(eps))
                changed[name].append(fgsm(*arguments) if attack == "fgsm" else pgd(*arguments, generator))
                bar.update(len(x))
    return {name: torch.cat(parts).squeeze(1).cpu().numpy() for name, parts in changed.items()}


def network_logits(classifier: DigitClassifier, pixels: Tensor) -> Tensor:
    """Give what the network says of pixels, float32 of shape (n, 1, 28, 28) from 0 to 1: logits (n, classes)."""
    normalization = classifier.normalization
    return classifier.module_.eval()((pixels - normalization.mean) / normalization.std)


@torch.no_grad()
def network_answers(classifier: DigitClassifier, sets: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Let a network answer.

    Parameters
    ----------
    classifier : DigitClassifier
    sets : mapping
        Images by condition: uint8 of shape (n, 28, 28), or float32 from 0 to 1.

    Returns
    -------
    dict
        By condition: integers of shape (n,).
    """
    answers = {}
    for condition, images in sets.items():
        batches = (
            torch.from_numpy(_pixels(images[start : start + BATCH])).unsqueeze(1).to(classifier.device)
            for start in range(0, len(images), BATCH)
        )
        answers[condition] = torch.cat([network_logits(classifier, x).argmax(1).cpu() for x in batches]).numpy()
    return answers


def baseline_answers(model: BaseEstimator, sets: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Let a fitted baseline answer the same."""
    return {condition: model.predict(_pixels(images).reshape(len(images), -1)) for condition, images in sets.items()}


def _pixels(images: np.ndarray) -> np.ndarray:
    return images / np.float32(255) if images.dtype == np.uint8 else images


def mean_corruption_error(wrong: np.ndarray) -> dict[str, Any]:
    """Average the error rates of all corruptions, each with the same weight, none divided by another classifier's.

    Parameters
    ----------
    wrong : array
        Truth values of shape (corruptions, n): whether an image was answered wrongly.

    Returns
    -------
    dict
        mean_corruption_error, mean_corruption_error_ci95 and n. The interval is normal, over images: what an image's
        corruptions have in common widens it.
    """
    by_image = wrong.mean(0)
    mean, n = float(by_image.mean()), wrong.shape[1]
    half = float(1.96 * by_image.std() / np.sqrt(n))
    return {
        "mean_corruption_error": mean,
        "mean_corruption_error_ci95": [max(0.0, mean - half), min(1.0, mean + half)],
        "n": n,
    }


def score_all(
    labels: np.ndarray, answers: Mapping[str, Mapping[str, np.ndarray]], few: np.ndarray, attacked: np.ndarray
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Score every classifier under every condition.

    Parameters
    ----------
    labels : array
        Integers of shape (n,).
    answers : mapping
        By classifier, then by condition (clean, a corruption, or an attack): integers. The final model answered all
        images, baselines the rows `few`, and every classifier under an attack the rows `attacked`.
    few, attacked : array
        Row numbers.

    Returns
    -------
    rows : list of dict
        classifier, condition, kind (clean, corruption, white_box, or transferred where the images were made against
        another network), accuracy, accuracy_low, accuracy_high, errors, n.
    means : dict
        By classifier: what `mean_corruption_error` returns.
    """
    rows, means = [], {}
    for classifier, by_condition in answers.items():
        shown = labels if classifier == FINAL else labels[few]
        for condition, predicted in by_condition.items():
            if condition in (CLEAN, *CORRUPTIONS):
                kind, truth = "clean" if condition == CLEAN else "corruption", shown
            else:
                kind, truth = "white_box" if classifier == FINAL else "transferred", labels[attacked]
            scores = accuracy_scores(truth, predicted)
            low, high = scores.pop("accuracy_ci95")
            named = {"classifier": classifier, "condition": condition, "kind": kind}
            rows.append(
                named | {"accuracy": scores.pop("accuracy"), "accuracy_low": low, "accuracy_high": high} | scores
            )
        means[classifier] = mean_corruption_error(np.stack([by_condition[name] != shown for name in CORRUPTIONS]))
    return rows, means


def robustness_metrics(rows: list[dict[str, Any]], means: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Take what a comparison of two runs needs: the final model's scores, and one number a baseline."""
    final = {row["condition"]: row for row in rows if row["classifier"] == FINAL}
    attack = next(row for row in final.values() if row["kind"] == "white_box")
    return {
        **means[FINAL],
        "n_attacked": attack["n"],
        "accuracy": {condition: row["accuracy"] for condition, row in final.items()},
        "baselines": {name: mean["mean_corruption_error"] for name, mean in means.items() if name != FINAL},
        "n_baselines": min(mean["n"] for mean in means.values()),
    }
