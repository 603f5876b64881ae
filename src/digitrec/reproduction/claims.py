"""Published numbers: the schema of `reproduction/claims.yaml`, everything that is wrong in one message."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field

from digitrec.config.section import check_values, did_you_mean, known_names
from digitrec.config.yaml import read_yaml, show
from digitrec.errors import ParamsError
from digitrec.reproduction.systems import SEARCHED, System
from digitrec.spec import Count, Spec

# Unit: the lowest and the highest value that can be meant.
UNITS: dict[str, tuple[Decimal | int, Decimal | int]] = {
    "percent": (0, 100),
    "points": (-100, 100),
    "fraction": (0, 1),
    "nats": (0, 100),
    "images": (0, 10_000_000),
    "rank": (1, 45),
    "parameters": (1, 10**12),
    "thousand parameters": (1, 10**9),
    "million parameters": (Decimal("0.01"), 10**6),
    "megabytes": (Decimal("0.001"), 10**6),
    "seconds": (0, 10**7),
    "number": (0, 10**6),
}
_RATE, _LOSS = ("percent", "fraction"), ("nats", "percent")
_SIZE = ("parameters", "thousand parameters", "million parameters")
# Quantity: the units that it may be given in. A loss in percent is a hundred times its nats.
QUANTITIES = {
    "train_accuracy": _RATE,
    "valid_accuracy": _RATE,
    "test_accuracy": _RATE,
    "train_loss": _LOSS,
    "valid_loss": _LOSS,
    "test_loss": _LOSS,
    "correct": ("images",),
    "errors": ("images",),
    "precision": _RATE,
    "recall": _RATE,
    "f1": _RATE,
    "weighted_precision": _RATE,
    "weighted_recall": _RATE,
    "weighted_f1": _RATE,
    "missed_rank": ("rank",),
    "confused_pair_rank": ("rank",),
    "n_parameters": _SIZE,
    "size_mb": ("megabytes",),
    "training_seconds": ("seconds",),
    "epoch_seconds": ("seconds",),
    "pixel_mean": ("fraction",),
    "pixel_std": ("fraction",),
    "n_images": ("images",),
    "n_train_images": ("images",),
    "n_test_images": ("images",),
    "n_candidates": ("number",),
    "n_fits": ("number",),
    "best_lr": ("number",),
    "best_max_epochs": ("number",),
    "best_batch_size": ("number",),
    "best_num_units": ("number",),
    "best_out_units": ("number",),
    "best_fout_units": ("number",),
}
ACCURACIES = ("train_accuracy", "valid_accuracy", "test_accuracy")
RATES = (*ACCURACIES, *(name for name in QUANTITIES if name.endswith(("precision", "recall", "f1"))))
CURVES = (*ACCURACIES, "train_loss", "valid_loss", "test_loss")
SIZES = ("n_parameters", "size_mb")
TIMES = ("training_seconds", "epoch_seconds")
DATA = ("pixel_mean", "pixel_std", "n_images", "n_train_images", "n_test_images")
SEARCH = tuple(name for name in QUANTITIES if name.startswith(("best_", "n_candidates", "n_fits")))
BY_DIGIT = ("errors", "precision", "recall", "f1", "missed_rank", "n_test_images")
# The last rank that there is, of ten digits and of their pairs.
RANKS = {"missed_rank": 10.0, "confused_pair_rank": 45.0}
OF_BASELINES = ("test_accuracy", "correct", "errors")
# Lists that may stand in place of a value: what each of their numbers is of, counted from which.
LISTS = {"epochs": ("epoch", 1), "digits": ("digit", 0)}


class _AsWritten(yaml.SafeLoader):
    """Leaves every scalar as it is written."""


# All that is left to be understood is `<<`, which takes keys over from another mapping.
_AsWritten.yaml_implicit_resolvers = {"<": yaml.SafeLoader.yaml_implicit_resolvers["<"]}


class Printed(Decimal):
    """A number as it was printed: 0.90 keeps its two decimals."""

    @property
    def exponent(self) -> int:
        """Of the ten that its last digit counts: -2 for 0.90."""
        return int(self.as_tuple().exponent)

    def __repr__(self) -> str:
        return str(self)


def _known(names: Iterable[str]) -> Any:
    names = sorted(names)

    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"one of {', '.join(names)}{did_you_mean(name, names)}")
        return name

    return AfterValidator(check)


def _number_or_range(value: Any) -> Any:
    numbers = value if isinstance(value, list) and len(value) == 2 else [value]
    if not all(isinstance(number, Printed) for number in numbers) or numbers[0] > numbers[-1]:
        raise ValueError("a number, or [lowest, highest]")
    return value


def _two_digits(pair: list[int]) -> list[int]:
    if pair[0] == pair[1]:
        raise ValueError("two different digits")
    return pair


Digit = Annotated[int, Field(ge=0, le=9)]
Text = Annotated[str, Field(min_length=1)]


class Claim(Spec):
    """A published number."""

    system: str = Field(description="a system of params.yaml")
    quantity: Annotated[str, _known(QUANTITIES)] = Field(description=f"one of {', '.join(sorted(QUANTITIES))}")
    value: Annotated[Any, AfterValidator(_number_or_range)] = Field(description="a number, or [lowest, highest]")
    unit: Annotated[str, _known(UNITS)] = Field(description=f"one of {', '.join(sorted(UNITS))}")
    where: Text = Field(description="the place in the text")
    protocol: Text = Field(description="how the paper got the number")
    note: str = Field("", description="our note on it")
    run: str | None = Field(None, description="the system or baseline that measures it, if not `system`")
    minus: str | None = Field(None, description="the system or baseline whose value is taken off")
    epoch: Count | None = Field(None, description="a whole number >= 1")
    digit: Digit | None = Field(None, description="a digit from 0 to 9")
    pair: Annotated[list[Digit], AfterValidator(_two_digits)] | None = Field(
        None, min_length=2, max_length=2, description="two different digits"
    )
    assumed: Text | None = Field(None, description="what the text does not give and we assumed")
    derived: Text | None = Field(None, description="the printed numbers that it was computed from")
    not_comparable: Text | None = Field(None, description="the reason why there can be no verdict")

    @property
    def measured_by(self) -> str:
        return self.run or self.system

    @property
    def bounds(self) -> tuple[Printed, Printed]:
        """Of what is published: the same number twice where it is one."""
        return tuple(self.value) if isinstance(self.value, list) else (self.value, self.value)

    @property
    def half_unit(self) -> Decimal:
        """Half a unit of the last printed digit; a rank is not rounded."""
        if self.unit == "rank":
            return Decimal(0)
        return Decimal(5).scaleb(min(number.exponent for number in self.bounds) - 1)


class Paper(Spec):
    """A published account, in words."""

    title: Text = Field(description="author and title")
    summary: Text = Field(description="what is claimed and what of it holds, in a sentence or two")
    rebuilt: Text = Field(description="what was rebuilt")
    contradictions: list[Text] = Field(description="a list of sentences, empty if there are none")


class Assumed(Spec):
    """What a text does not give of a system or baseline, and was assumed."""

    network: Text | None = Field(None, description="what is assumed of its network, and so of its size")
    training: Text | None = Field(None, description="what is assumed of its training")


class ClaimsFile(Spec):
    """All of `claims.yaml`."""

    papers: dict[str, Paper] = Field(description="a section a paper")
    assumed: dict[str, Assumed] = Field({}, description="a section a system or baseline, for its variants too")
    claims: list[dict[str, Any]] = Field(min_length=1, description="a list of one or more claims")


def paper_of(system: str) -> str:
    """Name the paper that a system belongs to: `okon` for `okon-logits`."""
    return system.partition("-")[0]


def load_papers(path: Path) -> dict[str, Paper]:
    """Read the section `papers` of `claims.yaml`, which `load_claims` checks together with the claims.

    Raises
    ------
    ParamsError
        Naming every mistake in the sections.
    """
    content, mistakes = check_values(ClaimsFile, read_yaml(path))
    if content is None:
        raise ParamsError(mistakes, path.name)
    return content.papers


def load_claims(path: Path, systems: Mapping[str, System]) -> list[Claim]:
    """Read and check all of `claims.yaml`.

    Parameters
    ----------
    path : Path
        The file.
    systems : mapping
        By name, as `load_systems` gives them: what can be measured.

    Returns
    -------
    list of Claim
        In the file's order.

    Raises
    ------
    ParamsError
        Naming every mistake: the entry's number (from 0), its system and quantity, key, value and what was expected.
    """
    values = read_yaml(path)
    content, mistakes = check_values(ClaimsFile, values)
    assumed = content.assumed if content else {}
    names = [*systems, *known_names("baselines")]
    mistakes += [
        f"assumed.{name}: is no known name{did_you_mean(name, names)}" for name in assumed if name not in names
    ]
    claims: list[Claim] = []
    first: dict[str, int] = {}
    papers = values.get("papers")
    for number, entry in _printed(values, path):
        claim, found = check_values(Claim, {key: value for key, value in entry.items() if key not in LISTS})
        found += _joint_mistakes(entry, systems)
        system = _text(entry, "system")
        if system in systems and isinstance(papers, dict) and paper_of(system) not in papers:
            found.append(f"system: got '{system}', but papers has no section '{paper_of(system)}'")
        # The same number in another place of the text is the same claim.
        identity = repr(
            [(key, entry[key]) for key in sorted(entry, key=str) if key not in ("where", "protocol", "note")]
        )
        if first.setdefault(identity, number) != number:
            found.append(f"is the same claim as claims[{first[identity]}]; remove one")
        name = f"claims[{number}] ({entry.get('system', 'no system')}, {entry.get('quantity', 'no quantity')})"
        mistakes += [f"{name}: {mistake}" for mistake in found]
        if claim is not None:
            claims.append(_with_assumed(claim, assumed))
    if mistakes:
        # What is wrong with a whole list is said once.
        raise ParamsError(list(dict.fromkeys(mistakes)), path.name)
    return claims


def _with_assumed(claim: Claim, assumed: Mapping[str, Assumed]) -> Claim:
    """Take over what is assumed of the runs behind a claim, if the claim does not say it itself."""
    if claim.assumed or claim.quantity in (*DATA, *SEARCH):
        return claim
    runs = [f"{name}-" for name in (claim.measured_by, claim.minus) if name]
    behind = [each for name, each in assumed.items() if any(run.startswith(f"{name}-") for run in runs)]
    kinds = ("network",) if claim.quantity in SIZES else ("network", "training")
    found = ["; ".join(filter(None, (getattr(each, kind) for kind in kinds))) for each in behind]
    return claim.model_copy(update={"assumed": "; ".join(filter(None, found)) or None})


def published_times(claims: Iterable[Claim]) -> dict[str, float]:
    """Give the seconds that a training is said to have taken, of a range its middle, by the system that measures it."""
    return {claim.measured_by: float(sum(claim.bounds) / 2) for claim in claims if claim.quantity == "training_seconds"}


def _printed(values: dict, path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The claims, each with the number of its entry, their values as they are printed in the file."""
    entries = values.get("claims")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return []
    texts = yaml.load(path.read_text(encoding="utf-8"), _AsWritten)["claims"]

    def printed(value: Any, text: Any) -> Any:
        if isinstance(value, list):
            return [printed(*each) for each in zip(value, text, strict=True)]
        if isinstance(value, bool) or not isinstance(value, int | float) or not Decimal(value).is_finite():
            return value
        return Printed(text)

    return [
        (number, one | {"value": printed(one["value"], text["value"])} if "value" in one else one)
        for number, (entry, as_written) in enumerate(zip(entries, texts, strict=True))
        for one, text in zip(_single(entry), _single(as_written), strict=True)
    ]


def _single(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The claims that an entry stands for: one for each number of a list of epochs or digits."""
    for key, (one, start) in LISTS.items():
        numbers = entry.get(key)
        if isinstance(numbers, list) and numbers and entry.keys().isdisjoint(("value", one)):
            rest = {name: value for name, value in entry.items() if name != key}
            return [rest | {one: number, "value": value} for number, value in enumerate(numbers, start)]
    return [entry]


def _joint_mistakes(entry: dict[str, Any], systems: Mapping[str, System]) -> Iterator[str]:
    """What is wrong between keys or with `params.yaml`. The entry may hold other mistakes, nothing is certain."""
    baselines = known_names("baselines")
    for key, names in (
        ("system", sorted(systems)),
        ("run", [*sorted(systems), *baselines]),
        ("minus", [*sorted(systems), *baselines]),
    ):
        name = _text(entry, key)
        if name and name not in names:
            yield f"{key}: got '{name}', expected one of {', '.join(names)}{did_you_mean(name, names)}"
    for key, (one, start) in LISTS.items():
        if key in entry:
            yield f"{key}: got {show(entry[key])}, expected numbers from {one} {start} on, in place of value and {one}"
    quantity = _text(entry, "quantity")
    if quantity not in QUANTITIES:
        return
    yield from _unit_mistakes(entry)
    for key, quantities, why in (
        ("epoch", (*CURVES, "epoch_seconds"), "has no value by epoch"),
        ("digit", BY_DIGIT, "has no value by digit"),
        ("pair", ("confused_pair_rank",), "has no value by pair of digits"),
        ("minus", ACCURACIES, "is not compared between systems"),
    ):
        if entry.get(key) is not None and quantity not in quantities:
            yield f"{key}: makes no sense here, {quantity} {why}"
    for key, needing in (("digit", "missed_rank"), ("pair", "confused_pair_rank")):
        if quantity == needing and entry.get(key) is None:
            yield f"{key}: is missing, expected {Claim.model_fields[key].description}"
    if quantity in TIMES and not entry.get("not_comparable"):
        yield "not_comparable: is missing, expected the reason: a time on other hardware has no verdict"
    for run in dict.fromkeys((_text(entry, "run") or _text(entry, "system"), _text(entry, "minus"))):
        yield from _unmeasured(entry, run, systems)


def _text(entry: dict[str, Any], key: str) -> str:
    return entry[key] if isinstance(entry.get(key), str) else ""


def _unit_mistakes(entry: dict[str, Any]) -> Iterator[str]:
    quantity, unit, value = entry["quantity"], _text(entry, "unit"), entry.get("value")
    if unit not in UNITS:
        return
    difference = entry.get("minus") is not None
    expected = ("points",) if difference else QUANTITIES[quantity]
    if unit not in expected:
        what = f"a difference of {quantity}" if difference else quantity
        yield f"unit: got '{unit}', expected {' or '.join(expected)} for {what}"
    low, high = UNITS[unit]
    for number in value if isinstance(value, list) else [value]:
        if isinstance(number, Printed) and not low <= number <= high:
            yield f"value: got {number}, expected a number from {low:,} to {high:,} for {unit}"


def _unmeasured(entry: dict[str, Any], run: str, systems: Mapping[str, System]) -> Iterator[str]:
    """Why no stage measures this of that run."""
    quantity, epoch = entry["quantity"], entry.get("epoch")
    if run in systems:
        system = systems[run]
        if quantity.startswith("valid_") and not system.recipe.valid_fraction:
            yield f"quantity: no stage measures {quantity} of {run}, which holds no images out for validation"
        if quantity in SEARCH and run != SEARCHED:
            yield f"quantity: no stage measures {quantity} of {run}: {SEARCHED} alone is searched"
        if isinstance(epoch, int) and epoch > system.max_epochs:
            yield f"epoch: got {epoch}, expected at most {system.max_epochs}, the epochs of {run}"
    elif run in known_names("baselines"):
        if quantity not in OF_BASELINES:
            names = ", ".join(OF_BASELINES)
            yield f"quantity: no stage measures {quantity} of the baseline {run}, only {names}"
        for key in ("epoch", "digit"):
            if entry.get(key) is not None:
                yield f"{key}: no stage measures a baseline by {key}"
        if run != entry.get("minus") and entry.get("minus") is not None:
            yield f"minus: nothing is taken off the baseline {run}"
