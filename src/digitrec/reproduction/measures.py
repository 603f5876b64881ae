"""What the stages measured, as values with intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from typing import Any

import numpy as np
from scipy.stats import norm, t

from digitrec.evaluation.scores import wilson_interval
from digitrec.reproduction.claims import ACCURACIES, CURVES, DATA, SEARCH, SIZES, TIMES, Claim

Z = float(norm.ppf(0.975))
# How often confusion matrices are drawn anew, and from which seed: the same numbers give the same intervals.
DRAWS, DRAWS_SEED = 2000, 0


@dataclass(frozen=True)
class Measurements:
    """What the stages measured; what is missing was not run.

    Attributes
    ----------
    systems, times : mapping
        metrics/systems/NAME.json and metrics/times/NAME.json by name.
    baselines : mapping
        Predictions by name, integers of shape (n_test,).
    test_labels : array
        Integers of shape (n_test,).
    n_train_images : int
    pixels : mapping or None
        Mean and std of the training images' pixels in [0, 1].
    search : mapping or None
        best_params, n_candidates, n_fits and strategy.
    """

    systems: Mapping[str, Mapping[str, Any]]
    times: Mapping[str, Mapping[str, Any]]
    baselines: Mapping[str, np.ndarray]
    test_labels: np.ndarray
    n_train_images: int
    pixels: Mapping[str, float] | None
    search: Mapping[str, Any] | None

    def runs(self, name: str) -> Sequence[Mapping[str, Any]]:
        return self.systems[name]["runs"] if name in self.systems else []


@dataclass(frozen=True)
class Measured:
    """A quantity as measured, accuracies as fractions, losses in nats.

    Attributes
    ----------
    values : sequence of float
        One a seed.
    sampling : (float, float)
        How far the 95 % interval that the images alone would give reaches below and above.
    other_images : bool
        Whether the published value is of other images, as a validation set's is.
    bounds : (float, float) or None
        A 95 % interval to be taken in place of all others.
    seeded : bool
        Whether another seed could give another value.
    """

    values: Sequence[float]
    sampling: tuple[float, float] = (0.0, 0.0)
    other_images: bool = False
    bounds: tuple[float, float] | None = None
    seeded: bool = True

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of ours: over seeds where there are several."""
        if not self.seeded:
            return None
        if self.bounds is not None:
            return self.bounds
        if len(self.values) == 1 and not any(self.sampling):
            return None
        return mean_interval(self.values) or (self.mean - self.sampling[0], self.mean + self.sampling[1])

    def judged_by(self, half_unit: float) -> tuple[float, float]:
        """The interval in which the published value must lie: that of one more run."""
        if self.bounds is not None:
            low, high = self.bounds
        else:
            # With one seed the images stand in for the seeds.
            spread = half_width(self.values)
            below, above = self.sampling if spread is None else (spread, spread)
            one_more = sqrt(1 + 1 / len(self.values))
            also = self.sampling if self.other_images else (0.0, 0.0)
            low, high = self.mean - hypot(one_more * below, also[0]), self.mean + hypot(one_more * above, also[1])
        return low - half_unit, high + half_unit


def half_width(values: Sequence[float]) -> float | None:
    """Give the standard deviation times Student's t (1908, doi 10.1093/biomet/6.1.1); None for one value or none.

    Times sqrt(1 / n) it is half the 95 % interval of the mean, times sqrt(1 + 1 / n) half that of one more value.
    """
    n = len(values)
    return float(t.ppf(0.975, n - 1) * np.std(values, ddof=1)) if n > 1 else None


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Give the 95 % interval of a mean by Student's t; None for one value or none."""
    half = half_width(values)
    if half is None:
        return None
    mean, half = float(np.mean(values)), half / sqrt(len(values))
    return mean - half, mean + half


def spread_ratios(measurements: Measurements) -> dict[str, float]:
    """Say how far seeds spread beside what the images alone would give, which stands in for it where there is one seed.

    Returns
    -------
    dict
        By kind of accuracy the median, over the systems with several seeds, of the standard deviation over seeds
        divided by the images' standard error. Empty where no system has several.
    """
    ratios = {}
    for quantity in ACCURACIES:
        found = []
        for system in measurements.systems.values():
            rates = [run["history"][-1][quantity] for run in system["runs"] if quantity in run["history"][-1]]
            mean = float(np.mean(rates)) if len(rates) > 1 else 0
            if 0 < mean < 1:
                error = sqrt(mean * (1 - mean) / _n_images(quantity, system))
                found.append(float(np.std(rates, ddof=1)) / error)
        if found:
            ratios[quantity] = float(np.median(found))
    return ratios


def paired_differences(
    first: Sequence[Mapping[str, Any]],
    second: Sequence[Mapping[str, Any]],
    value: Callable[[Mapping[str, Any]], float],
) -> list[float]:
    """Give the first system's value less the second's, for each seed that both were run with."""
    others = {run["seed"]: run for run in second}
    return [value(run) - value(others[run["seed"]]) for run in first if run["seed"] in others]


def measure(claim: Claim, measurements: Measurements) -> Measured | None:
    """Find the measured counterpart of a claim.

    Returns
    -------
    Measured or None
        None where there is no run behind it.
    """
    quantity, name = claim.quantity, claim.measured_by
    if quantity in DATA:
        return _of_data(claim, measurements)
    if quantity in SEARCH:
        return _of_search(quantity, measurements.search)
    if name in measurements.baselines:
        return _of_baseline(quantity, measurements.test_labels, measurements.baselines[name])
    system, runs = measurements.systems.get(name), measurements.runs(name)
    if system and quantity in SIZES:
        n = system["n_parameters"]
        return Measured([4 * n / 1e6 if quantity == "size_mb" else n], seeded=False)
    if not system or not runs:
        return None
    if quantity in TIMES:
        return _of_times(quantity, measurements.times.get(name), system["epochs"])
    if claim.epoch is not None and claim.epoch > system["epochs"]:
        return None
    if claim.minus:
        return _of_difference(claim, runs, system, measurements)
    if quantity in CURVES:
        return _of_curve(claim, runs, system)
    return _of_answers(claim, runs)


def _of_data(claim: Claim, measurements: Measurements) -> Measured | None:
    quantity, labels = claim.quantity, measurements.test_labels
    pixels, n_train, n_test = measurements.pixels, measurements.n_train_images, len(labels)
    if quantity in ("pixel_mean", "pixel_std"):
        return Measured([pixels[quantity.removeprefix("pixel_")]], seeded=False) if pixels else None
    if claim.digit is not None:
        return Measured([int(np.sum(labels == claim.digit))], seeded=False)
    counts = {"n_images": n_train + n_test, "n_train_images": n_train, "n_test_images": n_test}
    return Measured([counts[quantity]], seeded=False)


def _of_search(quantity: str, search: Mapping[str, Any] | None) -> Measured | None:
    if search is None:
        return None
    if not quantity.startswith("best_"):
        return Measured([search[quantity]], seeded=False)
    best = search["best_params"]
    # Searches that ran before a network's arguments stood apart have them beside the others.
    arguments = best.get("architecture", best)
    key = quantity.removeprefix("best_")
    return Measured([best[key] if key in best else arguments[key]], seeded=False)


def _of_times(quantity: str, times: Mapping[str, Any] | None, epochs: int) -> Measured | None:
    if times is None:
        return None
    per_epoch = quantity == "epoch_seconds"
    return Measured([seconds / epochs if per_epoch else seconds for seconds in times["seconds"]])


def _of_baseline(quantity: str, labels: np.ndarray, predictions: np.ndarray) -> Measured:
    return _of_rates([_accuracy(labels, predictions)], len(labels), quantity, len(labels))


def _accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.mean(predictions == labels))


def _of_rates(rates: Sequence[float], n: int, quantity: str, counted: int) -> Measured:
    """An accuracy, or the count of right or wrong answers that it means among `counted` images."""
    if quantity == "errors":
        rates = [1 - rate for rate in rates]
    scale = counted if quantity in ("correct", "errors") else 1
    below, above = wilson_error(float(np.mean(rates)), n)
    return Measured(
        [rate * scale for rate in rates],
        sampling=(scale * below, scale * above),
        other_images=quantity.startswith("valid_"),
    )


def wilson_error(rate: float, n: int) -> tuple[float, float]:
    """Say how far the 95 % interval of a rate that was measured on n images reaches below and above it."""
    low, high = wilson_interval(rate * n, n)
    return rate - low, high - rate


def _at_epoch(run: Mapping[str, Any], claim: Claim) -> float:
    row = run["history"][-1 if claim.epoch is None else claim.epoch - 1]
    return row[claim.quantity]


def _n_images(quantity: str, system: Mapping[str, Any]) -> int:
    return system[f"n_{quantity.partition('_')[0]}"]


def _of_curve(claim: Claim, runs: Sequence[Mapping[str, Any]], system: Mapping[str, Any]) -> Measured:
    values, n = [_at_epoch(run, claim) for run in runs], _n_images(claim.quantity, system)
    if claim.quantity in ACCURACIES:
        return _of_rates(values, n, claim.quantity, n)
    error = Z * float(np.mean([run["loss_sd"] for run in runs])) / sqrt(n)
    return Measured(values, sampling=(error, error), other_images=claim.quantity.startswith("valid_"))


def _of_difference(
    claim: Claim, runs: Sequence[Mapping[str, Any]], system: Mapping[str, Any], measurements: Measurements
) -> Measured | None:
    name, n = str(claim.minus), _n_images(claim.quantity, system)
    if name in measurements.baselines:
        other = _accuracy(measurements.test_labels, measurements.baselines[name])
        differences, others = [_at_epoch(run, claim) - other for run in runs], [other]
    else:
        differences = paired_differences(runs, measurements.runs(name), lambda run: _at_epoch(run, claim))
        others = [_at_epoch(run, claim) for run in measurements.runs(name)]
    if not differences:
        return None
    # As if each were scored on images of its own: the errors of two networks on the same images go together.
    ours = [_at_epoch(run, claim) for run in runs]
    first, second = (wilson_error(float(np.mean(rates)), n) for rates in (ours, others))
    return Measured(differences, sampling=(hypot(first[0], second[1]), hypot(first[1], second[0])))


def _of_answers(claim: Claim, runs: Sequence[Mapping[str, Any]]) -> Measured:
    """What can be counted in the confusion matrices."""
    confusions = np.array([run["confusion"] for run in runs])  # (runs, classes, classes)
    n, digit = int(confusions[0].sum()), claim.digit
    if claim.quantity in ("correct", "errors"):
        right = np.trace(confusions, axis1=1, axis2=2) / n
        if digit is not None:
            n = int(confusions[0, digit].sum())
            right = confusions[:, digit, digit] / n
        return _of_rates(right.tolist(), n, claim.quantity, n)
    if claim.quantity == "missed_rank" and digit is not None:
        return _of_ranks(confusions, digit)
    if claim.pair is not None:
        return _of_ranks(confusions, (min(claim.pair), max(claim.pair)))
    values = _class_score(confusions, claim.quantity, digit)
    if len(runs) > 1:
        return Measured(values.tolist())
    error = Z * float(_class_score(_redrawn(confusions), claim.quantity, digit).std(ddof=1))
    return Measured(values.tolist(), sampling=(error, error))


def _of_ranks(confusions: np.ndarray, place: int | tuple[int, int]) -> Measured:
    ranks = _ranks(confusions, place).tolist()
    if len(ranks) > 1:
        return Measured(ranks)
    low, high = np.percentile(_ranks(_redrawn(confusions), place), [2.5, 97.5], method="inverted_cdf")
    return Measured(ranks, bounds=(float(min(low, ranks[0])), float(max(high, ranks[0]))))


def _redrawn(confusions: np.ndarray) -> np.ndarray:
    """Draw each run's confusion matrix anew, as other test sets of the same size would give it.

    From (runs, classes, classes) to (runs, draws, classes, classes).
    """
    generator = np.random.default_rng(DRAWS_SEED)
    n, shape = confusions[0].sum(), (len(confusions), DRAWS, *confusions.shape[1:])
    return np.array([generator.multinomial(n, run.ravel() / n, DRAWS) for run in confusions]).reshape(shape)


def _ranks(confusions: np.ndarray, place: int | tuple[int, int]) -> np.ndarray:
    """Rank a digit among the most missed, or a pair among the most confused: one more than have more errors."""
    wrong = confusions * (1 - np.eye(confusions.shape[-1], dtype=int))
    if isinstance(place, int):
        counts = wrong.sum(-1)
        return 1 + (counts > counts[..., [place]]).sum(-1)
    both_ways = np.triu(wrong + np.swapaxes(wrong, -1, -2))
    of_pair = both_ways[..., place[0], place[1]]
    return 1 + (both_ways > of_pair[..., None, None]).sum((-1, -2))


def _class_score(confusions: np.ndarray, quantity: str, digit: int | None) -> np.ndarray:
    """Precision, recall or F1 of a digit, or their mean over the digits, which may be weighted by their images."""
    right = np.diagonal(confusions, axis1=-2, axis2=-1)
    labels, predicted = confusions.sum(-1), confusions.sum(-2)
    weighted, score = quantity.startswith("weighted_"), quantity.removeprefix("weighted_")
    of = {"precision": predicted, "recall": labels, "f1": (labels + predicted) / 2}[score]
    scores = np.divide(right, of, out=np.zeros(right.shape), where=of > 0)
    if digit is not None:
        return scores[..., digit]
    # As in digitrec.evaluation.scores: a class that is not there has no say.
    return np.average(scores, axis=-1, weights=labels if weighted else labels > 0)
