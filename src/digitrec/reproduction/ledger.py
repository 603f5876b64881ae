"""Published numbers beside measured ones: verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from digitrec.reproduction.claims import DATA, RANKS, RATES, SEARCH, SIZES, Claim
from digitrec.reproduction.measures import Measured, Measurements, measure

JUDGED = ("reproduced", "higher", "lower")
# What is added to these where the text leaves to us what was run.
OUR_READING = " under our reading"
VERDICTS = (
    *JUDGED,
    *(f"{verdict}{OUR_READING}" for verdict in JUDGED),
    "undecided",
    "not comparable",
    "not yet measured",
)
# Seeds whose rates leave a wider gap than this between them learn in some runs and not in others.
WIDE = 0.1
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
        number, or [lowest, highest]), printed (the same as text), derived (from which printed numbers, where it is not
        printed itself), unit, measured, interval (95 %, of ours), judged_by (that of one more run, with the published
        number's rounding), seeds, epochs, shortened, hardware, assumed (what the text does not give), verdict,
        explanation, note, where, protocol. What was not measured is None. Numbers are in the claim's unit.
    """
    # Whole numbers stay whole in JSON.
    low, high = (int(bound) if bound.exponent >= 0 else float(bound) for bound in claim.bounds)
    row = {
        **{key: getattr(claim, key) for key in ("system", "quantity", "run", "minus", "epoch", "digit", "pair")},
        "published": low if low == high else [low, high],
        "printed": " to ".join(dict.fromkeys(str(bound) for bound in claim.bounds)),
        "derived": claim.derived,
        "unit": claim.unit,
        **dict.fromkeys(("measured", "interval", "judged_by")),
        **_circumstances(claim, measurements),
        "assumed": claim.assumed,
        "verdict": "not yet measured",
        "explanation": "",
        **{key: getattr(claim, key) for key in ("note", "where", "protocol")},
    }
    found = measure(claim, measurements)
    if found is None:
        if row["shortened"]:
            row |= {"verdict": "not comparable", "explanation": _not_comparable(claim, row, measurements)}
        return row
    scale = SCALES.get(claim.unit, 1)
    least, most = _limits(claim, scale)
    half_unit = float(claim.half_unit)

    def shown(interval: Sequence[float]) -> list[float]:
        return [min(max(bound, least), most) for bound in interval]

    ours = found.mean * scale
    reach = tuple(bound * scale for bound in found.judged_by(half_unit / scale))
    row["measured"] = ours
    row["interval"] = shown([bound * scale for bound in found.interval]) if found.interval else None
    row["judged_by"] = shown(reach)
    reason, doubt = (
        _not_comparable(claim, row, measurements),
        _undecided(claim, found, row["judged_by"] == [least, most]),
    )
    if reason:
        row["verdict"], row["explanation"] = "not comparable", reason
    elif doubt:
        row["verdict"], row["explanation"] = "undecided", doubt
    else:
        row["verdict"] = "reproduced"
        if reach[0] > high:
            row["verdict"] = "higher"
            row["explanation"] = _difference(ours - high, ours - reach[0], found.seeded, claim)
        elif reach[1] < low:
            row["verdict"] = "lower"
            row["explanation"] = _difference(ours - low, ours - reach[1], found.seeded, claim)
        if claim.assumed:
            row["verdict"] += OUR_READING
    return row


def _limits(claim: Claim, scale: float) -> tuple[float, float]:
    """What an interval cannot go beyond."""
    if claim.minus:
        return -scale, scale
    if claim.quantity in RANKS:
        return 1.0, RANKS[claim.quantity]
    return 0.0, scale if claim.quantity in RATES else float("inf")


def _undecided(claim: Claim, found: Measured, holds_all: bool) -> str | None:
    """Why a published value cannot be held against ours, though it was measured."""
    values = sorted(found.values)
    # Where the widest gap ends.
    split = int(np.argmax(np.diff(values))) + 1 if len(values) > 1 else 0
    if claim.quantity in RATES and split and values[split] - values[split - 1] > WIDE:
        scale, suffix = SCALES.get(claim.unit, 1), " %" if claim.unit == "percent" else ""
        low, high = (
            " to ".join(dict.fromkeys(number_text(scale * end, claim.unit) for end in (group[0], group[-1]))) + suffix
            for group in (values[:split], values[split:])
        )
        return f"{split} of {len(values)} seeds are at {low}, {len(values) - split} at {high}"
    return "the interval holds every value that is possible" if holds_all else None


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
        if claim.minus not in measurements.baselines:
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
    search = measurements.search
    if search and claim.quantity in SEARCH and claim.quantity != "n_candidates" and search["strategy"] != "grid":
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
