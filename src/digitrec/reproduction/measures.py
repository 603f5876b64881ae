"""What the stages measured, as values with intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
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
    sampling : float
        Half the width of the 95 % interval that the images alone would give.
    bounds : (float, float) or None
        A 95 % interval to be taken in place of mean and `sampling`.
    value : float or None
        To be shown in place of the mean.
    seeded : bool
        Whether another seed could give another value.
    """

    values: Sequence[float]
    sampling: float = 0.0
    bounds: tuple[float, float] | None = None
    value: float | None = None
    seeded: bool = True

    @property
    def mean(self) -> float:
        return float(np.mean(self.values)) if self.value is None else self.value

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of ours: over seeds where there are several."""
        if not self.seeded:
            return None
        if self.bounds is not None:
            return self.bounds
        if len(self.values) == 1 and self.sampling == 0:
            return None
        return mean_interval(self.values) or (self.mean - self.sampling, self.mean + self.sampling)

    def judged_by(self, half_unit: float) -> tuple[float, float]:
        """The interval in which the published value must lie."""
        if self.bounds is not None:
            low, high = self.bounds
        else:
            low, high = mean_interval(self.values) or (self.mean, self.mean)
            low, high = low - self.sampling, high + self.sampling
        return low - half_unit, high + half_unit


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Give the 95 % interval of a mean by Student's t (1908, doi 10.1093/biomet/6.1.1); None for one value."""
    n = len(values)
    if n < 2:
        return None
    half = float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    mean = float(np.mean(values))
    return mean - half, mean + half


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
        return _of_data(quantity, measurements)
    if quantity in SEARCH:
        return _of_search(quantity, measurements.search)
    if name in measurements.baselines:
        return _of_baseline(quantity, measurements.test_labels, measurements.baselines[name])
    runs = measurements.runs(name)
    if not runs:
        return None
    system = measurements.systems[name]
    if quantity in SIZES:
        n = system["n_parameters"]
        return Measured([4 * n / 1e6 if quantity == "size_mb" else n], seeded=False)
    if quantity in TIMES:
        return _of_times(quantity, measurements.times.get(name), system["epochs"])
    if claim.epoch is not None and claim.epoch > system["epochs"]:
        return None
    if claim.minus:
        return _of_difference(claim, runs, measurements.runs(claim.minus), system)
    if quantity in CURVES:
        return _of_curve(claim, runs, system)
    return _of_answers(claim, runs)


def _of_data(quantity: str, measurements: Measurements) -> Measured | None:
    pixels, n_train, n_test = measurements.pixels, measurements.n_train_images, len(measurements.test_labels)
    if quantity in ("pixel_mean", "pixel_std"):
        return Measured([pixels[quantity.removeprefix("pixel_")]], seeded=False) if pixels else None
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
    correct = [float(np.mean(predictions == labels))]
    return _of_rates(correct, len(labels), quantity, len(labels))


def _of_rates(rates: Sequence[float], n: int, quantity: str, counted: int) -> Measured:
    """An accuracy, or the count of right or wrong answers that it means among `counted` images."""
    if quantity == "errors":
        rates = [1 - rate for rate in rates]
    scale = counted if quantity in ("correct", "errors") else 1
    if len(rates) == 1:
        low, high = wilson_interval(round(rates[0] * n), n)
        return Measured([rates[0] * scale], bounds=(low * scale, high * scale))
    return Measured([rate * scale for rate in rates], sampling=scale * binomial_error(float(np.mean(rates)), n))


def binomial_error(rate: float, n: int) -> float:
    """Give half the width of the 95 % interval of a rate that was measured on n images."""
    return Z * float(np.sqrt(rate * (1 - rate) / n))


def _at_epoch(run: Mapping[str, Any], claim: Claim) -> float:
    row = run["history"][-1 if claim.epoch is None else claim.epoch - 1]
    return row[claim.quantity]


def _n_images(quantity: str, system: Mapping[str, Any]) -> int:
    return system[f"n_{quantity.partition('_')[0]}"]


def _of_curve(claim: Claim, runs: Sequence[Mapping[str, Any]], system: Mapping[str, Any]) -> Measured:
    values, n = [_at_epoch(run, claim) for run in runs], _n_images(claim.quantity, system)
    if claim.quantity in ACCURACIES:
        return _of_rates(values, n, claim.quantity, n)
    spread = float(np.mean([run["loss_sd"] for run in runs]))
    return Measured(values, sampling=Z * spread / float(np.sqrt(n)))


def _of_difference(
    claim: Claim, runs: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], system: Mapping[str, Any]
) -> Measured | None:
    differences = paired_differences(runs, others, lambda run: _at_epoch(run, claim))
    if not differences:
        return None
    n = _n_images(claim.quantity, system)
    # As if each were scored on images of its own: the errors of two networks on the same images go together.
    errors = [binomial_error(float(np.mean([_at_epoch(run, claim) for run in each])), n) for each in (runs, others)]
    return Measured(differences, sampling=hypot(*errors))


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
    variances = _class_score(_redrawn(confusions), claim.quantity, digit).var(1, ddof=1)  # (runs,)
    return Measured(values.tolist(), sampling=Z * float(np.sqrt(variances.mean())))


def _of_ranks(confusions: np.ndarray, place: int | tuple[int, int]) -> Measured:
    drawn = _ranks(_redrawn(confusions), place)
    low, high = np.percentile(drawn, [2.5, 97.5], method="inverted_cdf")
    rank = int(_ranks(confusions.sum(0), place))
    ranks = _ranks(confusions, place).tolist()
    return Measured(ranks, bounds=(float(min(low, rank)), float(max(high, rank))), value=rank)


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
    """Precision, recall or F1 of a digit, or their mean over the digits."""
    right = np.diagonal(confusions, axis1=-2, axis2=-1)
    labels, predicted = confusions.sum(-1), confusions.sum(-2)
    of = {"precision": predicted, "recall": labels, "f1": (labels + predicted) / 2}[quantity]
    scores = np.divide(right, of, out=np.zeros(right.shape), where=of > 0)
    if digit is not None:
        return scores[..., digit]
    # As in digitrec.evaluation.scores: a class that is not there has no say.
    return np.average(scores, axis=-1, weights=labels > 0)
