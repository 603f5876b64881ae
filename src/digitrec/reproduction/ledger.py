"""Published numbers beside measured ones: intervals and verdicts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, t

from digitrec.reproduction.claims import ACCURACIES, CURVES, DATA, RATES, SEARCH, SIZES, TIMES, Claim
from digitrec.scores import wilson_interval

VERDICTS = ("reproduced", "higher", "lower", "not comparable", "not yet measured")
Z = float(norm.ppf(0.975))
# How often confusion matrices are drawn anew, and from which seed: the same numbers give the same intervals.
DRAWS, DRAWS_SEED = 2000, 0
# What a fraction, a count or nats are multiplied by, and the decimals of measured numbers, by unit.
SCALES = {"percent": 100, "points": 100, "thousand parameters": 1e-3, "million parameters": 1e-6}
DECIMALS = {
    "percent": 2,
    "points": 2,
    "fraction": 4,
    "nats": 4,
    "images": 1,
    "rank": 1,
    "parameters": 0,
    "thousand parameters": 3,
    "million parameters": 3,
    "megabytes": 3,
    "seconds": 1,
}


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


def judge(claim: Claim, measurements: Measurements) -> dict[str, Any]:
    """Hold a claim against what was measured.

    Parameters
    ----------
    claim : Claim
    measurements : Measurements

    Returns
    -------
    dict
        system, quantity, the qualifiers run, minus, epoch, digit and pair (None where there are none), published (a
        number, or [lowest, highest]), printed (the same as text), unit, measured, interval (95 %, of ours), judged_by
        (the same with the images' sampling error and the published number's rounding), seeds, epochs, shortened,
        hardware, verdict, explanation, note, where, protocol. What was not measured is None. Numbers are in the claim's
        unit.
    """
    # Whole numbers stay whole in JSON.
    low, high = (int(bound) if bound.as_tuple().exponent >= 0 else float(bound) for bound in claim.bounds)
    row = {
        **{key: getattr(claim, key) for key in ("system", "quantity", "run", "minus", "epoch", "digit", "pair")},
        "published": low if low == high else [low, high],
        "printed": " to ".join(dict.fromkeys(str(bound) for bound in claim.bounds)),
        "unit": claim.unit,
        **dict.fromkeys(("measured", "interval", "judged_by")),
        **_circumstances(claim, measurements),
        "verdict": "not yet measured",
        "explanation": "",
        **{key: getattr(claim, key) for key in ("note", "where", "protocol")},
    }
    found = measure(claim, measurements)
    if found is None:
        return row
    scale = SCALES.get(claim.unit, 1)
    least, most = _limits(claim, scale)
    half_unit = float(claim.half_unit)

    def shown(interval: tuple[float, float]) -> list[float]:
        return [min(max(bound, least), most) for bound in interval]

    ours = found.mean * scale
    reach = tuple(bound * scale for bound in found.judged_by(half_unit / scale))
    row["measured"] = ours
    row["interval"] = shown([bound * scale for bound in found.interval]) if found.interval else None
    row["judged_by"] = shown(reach)
    reason = _not_comparable(claim, row, measurements)
    if reason:
        row["verdict"], row["explanation"] = "not comparable", reason
    elif reach[0] > high:
        row["verdict"], row["explanation"] = "higher", _difference(ours - high, ours - reach[0], found.seeded, claim)
    elif reach[1] < low:
        row["verdict"], row["explanation"] = "lower", _difference(ours - low, ours - reach[1], found.seeded, claim)
    else:
        row["verdict"] = "reproduced"
    return row


def _limits(claim: Claim, scale: float) -> tuple[float, float]:
    """What an interval cannot go beyond."""
    if claim.minus:
        return -scale, scale
    return 0.0, scale if claim.quantity in RATES else float("inf")


def judge_all(claims: Sequence[Claim], measurements: Measurements) -> list[dict[str, Any]]:
    """Give what `judge` gives for each claim, in order."""
    return [judge(claim, measurements) for claim in claims]


def _circumstances(claim: Claim, measurements: Measurements) -> dict[str, Any]:
    """Seeds, epochs and hardware of the run behind a row."""
    nothing = {"seeds": None, "epochs": None, "shortened": False, "hardware": None}
    name = claim.measured_by
    if claim.quantity in (*DATA, *SEARCH):
        return nothing
    if name in measurements.baselines:
        return nothing | {"seeds": 1}
    runs = measurements.runs(name)
    if not runs:
        return nothing
    system, seeds = measurements.systems[name], [run["seed"] for run in runs]
    shortened = system["shortened"]
    if claim.minus:
        seeds = [run["seed"] for run in measurements.runs(claim.minus) if run["seed"] in seeds]
        shortened = shortened or measurements.systems.get(claim.minus, {}).get("shortened", False)
    return {
        "seeds": len(seeds),
        "epochs": system["epochs"],
        "shortened": shortened,
        "hardware": hardware(measurements.times[name]) if name in measurements.times else None,
    }


def hardware(times: Mapping[str, Any]) -> str:
    """Put the machine of a run on one line."""
    device = "" if times["device"] == "cpu" else f"{times['device']}; host "
    return f"{device}{times['cpu']}, {times['cores']} cores, torch {times['torch']}"


def _not_comparable(claim: Claim, row: Mapping[str, Any], measurements: Measurements) -> str | None:
    if claim.not_comparable:
        return claim.not_comparable
    if row["shortened"] and claim.quantity not in SIZES:
        system = measurements.systems[claim.measured_by]
        return f"shortened: {system['epochs']} of {system['published_epochs']} epochs on {system['n_train']:,} images"
    if claim.quantity in SEARCH and claim.quantity != "n_candidates" and measurements.search["strategy"] != "grid":
        return "ours is a successive halving of the same candidates, not a full grid"
    return None


def _difference(away: float, reach: float, seeded: bool, claim: Claim) -> str:
    """Say by how much ours differs, and how much the interval allows."""
    unit = " points" if claim.unit in ("percent", "points") and "loss" not in claim.quantity else ""
    allowed = f"; the interval allows {number_text(abs(reach), claim.unit)}" if seeded else ""
    return f"{number_text(abs(away), claim.unit)}{unit} {'higher' if away > 0 else 'lower'}{allowed}"


def number_text(value: float, unit: str) -> str:
    """Write a measured number with as many decimals as make sense in its unit."""
    if unit == "number":
        return f"{value:,.10g}"
    # A count is whole, the mean of counts is not.
    whole = unit in ("images", "rank") and value == round(value)
    return f"{value:,.{0 if whole else DECIMALS[unit]}f}"


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
        return _of_difference(claim, runs, system, measurements)
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
    best = quantity.startswith("best_")
    return Measured([search["best_params"][quantity.removeprefix("best_")] if best else search[quantity]], seeded=False)


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
    claim: Claim, runs: Sequence[Mapping[str, Any]], system: Mapping[str, Any], measurements: Measurements
) -> Measured | None:
    others = measurements.runs(claim.minus)
    differences = paired_differences(runs, others, lambda run: _at_epoch(run, claim))
    if not differences:
        return None
    n = _n_images(claim.quantity, system)
    # As if each were scored on images of its own: the errors of two networks on the same images go together.
    errors = [binomial_error(float(np.mean([_at_epoch(run, claim) for run in each])), n) for each in (runs, others)]
    return Measured(differences, sampling=float(np.hypot(*errors)))


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
    if claim.quantity in ("missed_rank", "confused_pair_rank"):
        place = digit if claim.quantity == "missed_rank" else tuple(sorted(claim.pair))
        drawn = _ranks(_redrawn(confusions), place)
        low, high = np.percentile(drawn, [2.5, 97.5], method="inverted_cdf")
        rank = int(_ranks(confusions.sum(0), place))
        ranks = _ranks(confusions, place).tolist()
        return Measured(ranks, bounds=(float(min(low, rank)), float(max(high, rank))), value=rank)
    values = _class_score(confusions, claim.quantity, digit)
    variances = _class_score(_redrawn(confusions), claim.quantity, digit).var(1, ddof=1)  # (runs,)
    return Measured(values.tolist(), sampling=Z * float(np.sqrt(variances.mean())))


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
    # As in digitrec.scores: a class that is not there has no say.
    return np.average(scores, axis=-1, weights=labels > 0)
