"""How well classifiers hold when images are corrupted, or changed so that the network errs."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import BaseEstimator
from torch import nn

from digitrec.evaluation.comparison import FINAL
from digitrec.evaluation.corruptions import CORRUPTIONS, corrupt
from digitrec.evaluation.inference import predict_logits
from digitrec.evaluation.scores import accuracy_scores, wilson_interval
from digitrec.pipeline.progress import progress_bar
from digitrec.pipeline.seeding import derive_seed
from digitrec.transforms.attacks import fgsm, pgd
from digitrec.transforms.pixels import to_pixels

# Not the pipeline's seed: a test set is the same for every network.
SEED = 0
EPS = (0.1, 0.2, 0.3)
ATTACKS = tuple(f"{attack}_{eps}" for attack in ("fgsm", "pgd") for eps in EPS)
CLEAN = "clean"
# Images at a time: little memory, and a bar that moves.
BATCH = 250


class Answers(NamedTuple):
    """What classifiers answered.

    Attributes
    ----------
    by_classifier : dict
        By classifier, then by condition (clean, a corruption, or an attack): integers. The final network answered all
        images, baselines the rows `few`, and every classifier under an attack the rows `attacked`.
    samples : dict
        By condition: the first image, uint8 of shape (height, width, channels).
    """

    by_classifier: dict[str, dict[str, np.ndarray]]
    samples: dict[str, np.ndarray]


def answer_all(
    network: nn.Module,
    baselines: Mapping[str, BaseEstimator],
    images: np.ndarray,
    labels: np.ndarray,
    few: np.ndarray,
    attacked: np.ndarray,
) -> Answers:
    """Let every classifier answer under every condition; of the changed images, one set is kept at a time.

    Parameters
    ----------
    network : nn.Module
        The final one, in evaluation mode: from float32 pixels of shape (n, channels, height, width), from 0 to 1, to
        logits. Attacks are made against it.
    baselines : mapping
        Fitted, by name.
    images, labels : array
        uint8 of shape (n, height, width, channels) and integers of shape (n,).
    few, attacked : array
        Rows that baselines answer, and rows that are attacked, the first of them 0.
    """
    by_classifier: dict[str, dict[str, np.ndarray]] = {name: {} for name in (FINAL, *baselines)}
    samples = {}

    def ask(condition: str, shown: np.ndarray, rows: np.ndarray | slice) -> None:
        samples[condition] = np.rint(255 * _pixels(shown[0])).astype(np.uint8)
        by_classifier[FINAL][condition] = network_answers(network, shown)
        for name, model in baselines.items():
            by_classifier[name][condition] = baseline_answers(model, shown[rows])

    ask(CLEAN, images, few)
    with progress_bar(len(CORRUPTIONS), "corruptions", unit="kind") as bar:
        for name in CORRUPTIONS:
            ask(name, corrupt(images, name, SEED), few)
            bar.update()
    with progress_bar(len(ATTACKS) * len(attacked), "attacks", unit="image") as bar:
        for name in ATTACKS:
            parts = []
            for changed in adversarial_images(network, images[attacked], labels[attacked], name):
                parts.append(changed)
                bar.update(len(changed))
            ask(name, np.concatenate(parts), slice(None))
    return Answers(by_classifier, samples)


def adversarial_images(network: nn.Module, images: np.ndarray, labels: np.ndarray, name: str) -> Iterator[np.ndarray]:
    """Attack a network whose weights are known.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode.
    images, labels : array
        uint8 of shape (n, height, width, channels) and integers of shape (n,).
    name : str
        Attack and eps, of `ATTACKS`.

    Yields
    ------
    array
        The next images: float32 of shape (at most 250, height, width, channels), from 0 to 1.
    """
    attack, eps = name.split("_")
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(derive_seed(SEED, name))
    pixels, targets = to_pixels(images), torch.from_numpy(labels.astype(np.int64))
    for x, y in zip(pixels.split(BATCH), targets.split(BATCH), strict=True):
        x, y = x.to(device), y.to(device)
        changed = fgsm(network, x, y, float(eps)) if attack == "fgsm" else pgd(network, x, y, float(eps), generator)
        yield changed.permute(0, 2, 3, 1).cpu().numpy()


@torch.no_grad()
def network_answers(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Let a network answer.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode.
    images : array
        uint8 of shape (n, height, width, channels), or float32 from 0 to 1.

    Returns
    -------
    array
        Integers of shape (n,).
    """
    if images.dtype == np.uint8:
        return predict_logits(network, images).argmax(1)
    device = next(network.parameters()).device
    batches = torch.from_numpy(images).permute(0, 3, 1, 2).split(BATCH)
    return torch.cat([network(x.to(device)).argmax(1).cpu() for x in batches]).numpy()


def baseline_answers(model: BaseEstimator, images: np.ndarray) -> np.ndarray:
    """Let a fitted baseline answer the same, as many parts of the images side by side as joblib's settings allow."""
    rows = _pixels(images).reshape(len(images), -1)
    parts = np.array_split(rows, min(effective_n_jobs(None), len(rows)))
    return np.concatenate(Parallel(prefer="threads")(delayed(model.predict)(part) for part in parts))


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
        mean_corruption_error, mean_corruption_error_ci95 and n. The interval is Wilson's, for as many independent
        answers as would vary as much as the images' errors do: what an image's corruptions have in common widens it.
        Where the images do not differ (all is right, say), an image counts for one answer.
    """
    by_image = wrong.mean(0)
    mean, variance, n = float(by_image.mean()), float(by_image.var()), wrong.shape[1]
    independent = min(wrong.size, n * mean * (1 - mean) / variance) if variance else n
    return {
        "mean_corruption_error": mean,
        "mean_corruption_error_ci95": wilson_interval(mean * independent, independent),
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
