"""What ways of training give that the product does not have: on training images that are held out.

Reads   params.yaml, data/train, metrics/normalize_stats.json, data/gridsearch/best_params.json; $DIGITREC_JOBS
Writes  benchmarks/results/ideas.json

Usage: python benchmarks/ideas.py [--seeds 0 1 2] [--ideas mixing distillation]
Images and scores are those of `recipes.py`, whose variant "as it is" is what to compare with. Each is the default
recipe with one thing more: `mixing` learns from mixtures of two images and their labels (Zhang et al., arXiv
1710.09412), `distillation` half from labels and half from what `best` answers (Hinton et al., arXiv 1503.02531), which
is trained first, by the same recipe on the same images, and scored as well. Results are written fit by fit: after a
kill, name what is left.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recipes import HELD_OUT, default_training, held_out_scores
from seeds import BEST
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax, softmax

from digitrec.config.params import load_params
from digitrec.data.batches import Batches
from digitrec.data.dataset import read_dataset_spec, read_part
from digitrec.data.split import validation_split
from digitrec.evaluation.inference import predict_logits
from digitrec.pipeline.environment import jobs_from_environment
from digitrec.pipeline.files import read_array, read_json, write_array, write_json
from digitrec.pipeline.jobs import side_by_side
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage, stopwatch
from digitrec.spec import ImageSpec, TrainingSpec
from digitrec.training.classifier import ImageClassifier, ImageRows, build_classifier
from digitrec.training.fit import fit

# How alike the two shares of a mixture are drawn, as its authors have it for large sets of images.
MIXED = 0.2
# Passes of the network that teaches.
TEACHER_EPOCHS = 8
# By what logits are divided, and how much answers count beside labels.
TEMPERATURE, ANSWERS = 4.0, 0.5


class TaughtBatches:
    """Batches that tell their classifier which images they hold, and that it may change."""

    def __init__(self, batches: Batches, classifier: "Taught"):
        self.batches, self.classifier = batches, classifier
        self.index, self.generator = batches.index, batches.generator

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        assert self.generator is not None
        # In the order that is drawn next.
        again = torch.Generator().set_state(self.generator.get_state())
        rows = torch.from_numpy(self.index[torch.randperm(len(self.index), generator=again).numpy()])
        done = 0
        for pixels, labels in self.batches:
            self.classifier.rows = rows[done : done + len(labels)]
            done += len(labels)
            yield self.classifier.mixed(pixels, labels), labels


class Taught(ImageClassifier):
    """Knows which images it learns from, and may change them."""

    rows: Tensor

    def get_iterator(self, dataset: ImageRows, training: bool = False) -> Any:
        batches = super().get_iterator(dataset, training)
        return TaughtBatches(batches, self) if training else batches

    def mixed(self, pixels: Tensor, labels: Tensor) -> Tensor:
        return pixels


class Mixing(Taught):
    """Learns from mixtures of two images."""

    def mixed(self, pixels: Tensor, labels: Tensor) -> Tensor:
        self.share_ = float(torch.distributions.Beta(MIXED, MIXED).sample())
        order = torch.randperm(len(labels))
        self.others_ = labels[order]
        return self.share_ * pixels + (1 - self.share_) * pixels[order]

    def get_loss(self, y_pred: Tensor, y_true: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        loss = super().get_loss(y_pred, y_true)
        if not self.module_.training:
            return loss
        return self.share_ * loss + (1 - self.share_) * super().get_loss(y_pred, self.others_)


class Distilled(Taught):
    """Learns what another network answers, too."""

    answers: Tensor

    def get_loss(self, y_pred: Tensor, y_true: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        loss = super().get_loss(y_pred, y_true)
        if not self.module_.training:
            return loss
        wanted = softmax(self.answers[self.rows] / TEMPERATURE, 1)
        apart = kl_div(log_softmax(y_pred / TEMPERATURE, 1), wanted, reduction="batchmean") * TEMPERATURE**2
        return (1 - ANSWERS) * loss + ANSWERS * apart


IDEAS = {"mixing": Mixing, "distillation": Distilled}


def teach(root: Path, training: TrainingSpec, image: ImageSpec) -> tuple[dict[str, Any], np.ndarray]:
    """Train `best`, or take what was trained: its scores, and logits for all training images, float32 (n, classes)."""
    torch.set_num_threads(1)
    images, labels = read_part(root / "data/train")
    settings = {key: value for key, value in BEST.items() if key != "architecture"}
    settings |= {"model": "best", "architecture": BEST["architecture"], "max_epochs": TEACHER_EPOCHS}
    training = training.model_copy(update=settings)
    split = validation_split(labels, HELD_OUT, 0)
    with stopwatch() as seconds:
        net, state = fit(training, image, images, labels, "cpu", root / "data/cache/ideas", split=split)
    scores, logits = state.with_suffix(".json"), state.with_suffix(".npy")
    if not scores.exists():
        network = net.module_.eval()
        write_array(logits, predict_logits(network, images))
        write_json(scores, held_out_scores(network, images, labels, split[1]) | {"seconds": seconds()})
    return read_json(scores), read_array(logits)


def fit_and_score(root: Path, idea: str, training: TrainingSpec, image: ImageSpec, answers: Any) -> dict[str, Any]:
    """Train by one idea, and score."""
    # Fits run side by side, a thread each: this is a worker's own process.
    torch.set_num_threads(1)
    images, labels = read_part(root / "data/train")
    train_rows, valid_rows = validation_split(labels, HELD_OUT, 0)
    train_labels = labels[train_rows].astype(np.int64)
    plain = build_classifier(training, image, images=images, train_labels=train_labels, verbose=0)
    net = IDEAS[idea](**plain.get_params(deep=False))
    if isinstance(net, Distilled):
        net.answers = torch.from_numpy(np.array(answers))
    with stopwatch() as seconds:
        net.fit(train_rows, train_labels)
    return held_out_scores(net.module_.eval(), images, labels, valid_rows) | {"seconds": seconds()}


def main(root: Path) -> None:
    """Fit all, print, write."""
    parser = argparse.ArgumentParser(description="What other ways of training give.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default: 0 to 2")
    parser.add_argument("--ideas", nargs="+", default=list(IDEAS), choices=IDEAS, help="which (default: all)")
    arguments = parser.parse_args()
    params, jobs = load_params(root / "params.yaml"), jobs_from_environment()
    machine = describe_machine() | {"jobs": jobs}
    print(headline(machine), f"{jobs} fits at a time", sep=", ", flush=True)
    image = read_dataset_spec(root / "data/dataset.json").image
    default = default_training(root, params, image)
    path = root / "benchmarks/results/ideas.json"
    results = read_json(path) if path.exists() else {"ideas": {}}
    answers = None
    if "distillation" in arguments.ideas:
        results["teacher"], answers = teach(root, default, image)
        print(f"`best`: {results['teacher']['errors']} of {results['teacher']['n']:,} wrong", flush=True)
    fits = [(idea, seed) for seed in arguments.seeds for idea in arguments.ideas]
    tasks = (
        (root, idea, default.model_copy(update={"seed": seed}), image, answers if idea == "distillation" else None)
        for idea, seed in fits
    )
    for number, result in side_by_side(fit_and_score, tasks, jobs, "training"):
        idea, seed = fits[number]
        row = results["ideas"].setdefault(idea, {"seeds": {}})
        row["seeds"][str(seed)] = result
        row["machine"] = machine
        write_json(path, results)
        print(
            f"{idea}, seed {seed}: {result['errors']} of {result['n']:,} wrong, corrupted "
            f"{100 * result['mean_corruption_error']:.2f} % wrong, {result['seconds']:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    run_stage(main)
