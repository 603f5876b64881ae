"""Checking sections of keys against a specification: everything that is wrong, each in the words of its field."""

import difflib
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ValidationError

from digitrec.config.yaml import show
from digitrec.spec import Spec

PACKAGE = Path(__file__).parents[1]
Checked = TypeVar("Checked", bound=Spec)


def known_names(room: str) -> list[str]:
    """Names of the modules in a folder of the package: what `model`, `dataset` and `baselines` may be."""
    return sorted(path.stem for path in (PACKAGE / room).glob("[a-z]*.py"))


def one_of(room: str) -> AfterValidator:
    """Make the check of such a name."""

    def check(name: str) -> str:
        names = known_names(room)
        if name not in names:
            raise ValueError(f"one of {', '.join(names)}{did_you_mean(name, names)}")
        return name

    return AfterValidator(check)


def _distinct(values: list) -> list:
    if len({repr(value) for value in values}) < len(values):
        raise ValueError("a list without repeated values")
    return values


# Refuses a list that holds a value twice.
DISTINCT = AfterValidator(_distinct)


def did_you_mean(name: Any, names: list[str]) -> str:
    """Make the end of a message about a name that is not known."""
    close = difflib.get_close_matches(str(name), names, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def check_values(model: type[Checked], values: dict) -> tuple[Checked | None, list[str]]:
    """Give the values their schema's form.

    Parameters
    ----------
    model : type of Spec
        The schema.
    values : dict
        What the file holds.

    Returns
    -------
    section : Spec or None
        None when there are mistakes.
    mistakes : list of str
        Every one: key, value and what was expected.
    """
    try:
        return model.model_validate(values), []
    except ValidationError as error:
        return None, _describe(error, values, model)


def _describe(error: ValidationError, values: dict, model: type[Spec]) -> list[str]:
    mistakes = {}
    for detail in error.errors():
        keys, value = _found(detail["loc"], values)
        # A key that is not there, or that pydantic names by what it looks like: `null` as None.
        if detail["type"] in ("missing", "extra_forbidden", "invalid_key") and len(keys) < len(detail["loc"]):
            keys.append(detail["loc"][-1])
        fields, expected = _schema_at(model, keys)
        name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
        if detail["type"] == "missing":
            mistakes[name] = f"{name}: is missing, expected {expected}"
        elif detail["type"] in ("extra_forbidden", "invalid_key"):
            mistakes[name] = f"{name}: is no known key{did_you_mean(keys[-1], fields)}"
        elif detail["type"] == "value_error":
            mistakes[name] = f"{name}: got {show(value)}, expected {detail['ctx']['error']}"
        else:
            # A value that may be of two types fails once for each: one message.
            mistakes[name] = f"{name}: got {show(value)}, expected {expected}"
    return list(mistakes.values())


def _found(location: tuple, values: Any) -> tuple[list, Any]:
    """Follow pydantic's location as far as the file goes: beyond that it names types, not keys."""
    keys = []
    for part in location:
        if not ((isinstance(values, dict) and part in values) or (isinstance(values, list) and isinstance(part, int))):
            break
        keys.append(part)
        values = values[part]
    return keys, values


def _schema_at(kind: Any, keys: list) -> tuple[list[str], str]:
    """The known keys beside the last of `keys`, and what its value should be."""
    fields, expected = [], "a section of keys"
    for key in keys:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = sorted(kind.model_fields)
            field = kind.model_fields.get(key)
            kind = field.annotation if field else None
            expected = (field and field.description) or "a section of keys"
        elif get_origin(kind) in (dict, list):
            kind = get_args(kind)[-1]
    return fields, expected
