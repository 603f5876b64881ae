"""Reading and checking `params.yaml`: everything that is wrong in one message, before any work."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from digitrec.errors import ParamsError

PACKAGE = Path(__file__).parent
# Of the datasets, those whose class 1 is no handwritten one.
NO_DIGITS = ("fashion_mnist", "kmnist")


def known_names(room: str) -> list[str]:
    """Names of the modules in a folder of the package: what `model`, `dataset` and `baselines` may be."""
    return sorted(path.stem for path in (PACKAGE / room).glob("[a-z]*.py"))


def one_of(room: str) -> type[str]:
    """Make the type of such a name."""

    def check(name: str) -> str:
        names = known_names(room)
        if name not in names:
            raise ValueError(f"one of {', '.join(names)}{did_you_mean(name, names)}")
        return name

    return Annotated[str, AfterValidator(check)]


def distinct(values: list) -> list:
    """Refuse a list that holds a value twice."""
    if len({repr(value) for value in values}) < len(values):
        raise ValueError("a list without repeated values")
    return values


def did_you_mean(name: Any, names: list[str]) -> str:
    """Make the end of a message about a name that is not known."""
    close = difflib.get_close_matches(str(name), names, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


class Section(BaseModel):
    """A mapping of known keys."""

    # Strict: the YAML reader has already given every value its type, so `yes` is no number and '' no name.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# A field's description says what was expected, in the words of the error message.
Optimizer = Literal["adam", "rmsprop", "sgd"]
Auto = Literal["auto"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


def _choices(kind: Any, expected: str) -> Any:
    return Annotated[
        list[kind],
        Field(min_length=1, description=f"a list of one or more different values, each {expected}"),
        AfterValidator(distinct),
    ]


class NormalizeStats(Section):
    """Section `normalize_stats`."""

    mean: Auto | Annotated[float, Field(ge=0, le=1)] = Field(description="a number from 0 to 1, or 'auto'")
    std: Auto | Annotated[float, Field(gt=0, le=1)] = Field(description="a number above 0 and at most 1, or 'auto'")


class Explore(Section):
    """Section `explore`."""

    tsne_images: int = Field(ge=10, description="a whole number >= 10")


class Calibrate(Section):
    """Section `calibrate`."""

    target_accuracy: float = Field(gt=0, le=1, description="a number above 0 and at most 1")


class Robustness(Section):
    """Section `robustness`."""

    baseline_images: Count = Field(description="a whole number >= 1")
    attacked_images: Count = Field(description="a whole number >= 1")


class Space(Section):
    """Section `search.space`."""

    lr: _choices(Positive, "a number > 0")
    max_epochs: _choices(Count, "a whole number >= 1")
    batch_size: _choices(Count, "a whole number >= 1")
    optimizer: _choices(Optimizer, "adam, rmsprop or sgd")


class Search(Section):
    """Section `search`."""

    strategy: Literal["grid", "halving"] = Field(description="grid or halving")
    engine: Literal["skorch", "stacked"] = Field(description="skorch or stacked")
    max_fits: Count = Field(description="a whole number >= 1")
    cv: int = Field(ge=2, description="a whole number >= 2")
    factor: int = Field(ge=2, description="a whole number >= 2")
    min_images: int = Field(ge=1, description="a whole number >= 1")
    max_images: int = Field(ge=1, description="a whole number >= 1")
    space: Space
    architectures: dict[
        one_of("models"),
        dict[str, _choices(str | int | float, "a word or a number")],
    ] = Field(description="a section a model, each a list of values for every argument")


def _in_order(values: list[float]) -> list[float]:
    if values[0] > values[1]:
        raise ValueError("[lowest, highest], the lowest first")
    return values


def _range(low: float, high: float) -> Any:
    return Annotated[
        list[Annotated[float, Field(gt=low, le=high)]],
        Field(min_length=2, max_length=2, description=f"[lowest, highest], above {low} and at most {high}"),
        AfterValidator(_in_order),
    ]


class Hardening(Section):
    """Section `hardening` of a recipe."""

    filter: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    background: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    patch: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    noise: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    adversarial: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1")

    def __bool__(self) -> bool:
        return self != Hardening()


class Recipe(Section):
    """How a network is trained; what is left out is not done."""

    loss_input: Literal["logits", "softmax"] = Field("logits", description="logits or softmax")
    schedule: Literal["constant", "one_cycle"] = Field("constant", description="constant or one_cycle")
    momentum: float = Field(0.0, ge=0, lt=1, description="a number from 0 to below 1")
    valid_fraction: float = Field(0.0, ge=0, lt=1, description="a number from 0 to below 1")
    rotation: float = Field(0.0, ge=0, le=180, description="degrees from 0 to 180")
    scale: float = Field(0.0, ge=0, lt=1, description="a number from 0 to below 1")
    crop_area: _range(0, 1) = Field([1.0, 1.0], description="[lowest, highest], above 0 and at most 1")
    crop_ratio: _range(0, 10) = Field([1.0, 1.0], description="[lowest, highest], above 0 and at most 10")
    shift: float = Field(0.0, ge=0, le=14, description="pixels from 0 to 14")
    # Left out where there is none: a recipe without it is written, and so named in caches, as before there was any.
    flagged_ones: float = Field(0.0, ge=0, le=1, description="a number from 0 to 1", exclude_if=lambda value: not value)
    hardening: Hardening = Field(Hardening(), exclude_if=lambda value: not value)


class PipelineRecipe(Recipe):
    """A section of `recipes`. The pipeline's final training takes a validation split."""

    valid_fraction: float = Field(gt=0, lt=1, description="a number above 0 and below 1")


class Evaluate(Section):
    """Section `evaluate`."""

    confused_pairs: int = Field(ge=1, le=90, description="a whole number from 1 to 90")
    gallery: int = Field(ge=1, le=400, description="a whole number from 1 to 400")


class Params(Section):
    """All of `params.yaml`; the comments there say what each key means."""

    dataset: one_of("datasets")
    model: one_of("models")
    recipe: str = Field(description="the name of a recipe")
    seed: int = Field(ge=0, lt=2**32, description="a whole number from 0 to 4294967295")
    lr: Auto | Positive = Field(description="a number > 0 or 'auto'")
    batch_size: Auto | Count = Field(description="a whole number >= 1 or 'auto'")
    max_epochs: Auto | Count = Field(description="a whole number >= 1 or 'auto'")
    optimizer: Auto | Optimizer = Field(description="adam, rmsprop, sgd or 'auto'")
    normalize_stats: NormalizeStats
    explore: Explore
    search: Search
    recipes: dict[str, PipelineRecipe] = Field(min_length=1, description="a section a recipe")
    evaluate: Evaluate
    calibrate: Calibrate
    robustness: Robustness
    baselines: Annotated[list[one_of("baselines")], AfterValidator(distinct)] = Field(
        min_length=1, description="a list of one or more different baselines"
    )

    @property
    def chosen_recipe(self) -> Recipe:
        return self.recipes[self.recipe]

    @property
    def architecture_space(self) -> dict[str, list]:
        return self.search.architectures[self.model]


class _YamlReader(yaml.SafeLoader):
    """YAML 1.2 numbers and truth values, as DVC writes them: PyYAML alone reads `1e-05` as text and `yes` as true."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{key.value}' stands there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_YamlReader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":float", ":bool", ":int"))]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in [
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
]:
    _YamlReader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
# PyYAML alone takes a leading zero for base eight.
_YamlReader.add_constructor("tag:yaml.org,2002:int", lambda reader, node: int(node.value))


def read_yaml(path: Path) -> dict:
    """Read a YAML file of keys with values, each value with its YAML 1.2 type.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    ParamsError
        When it is missing, no YAML, or no mapping.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _YamlReader)
    except FileNotFoundError as error:
        raise ParamsError([f"not found in {path.parent}; run this from the project's folder"], path.name) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ParamsError([f"is no valid YAML: {' '.join(str(error).split())}"], path.name) from error
    if not isinstance(values, dict):
        raise ParamsError([f"got {_show(values)}, expected keys with values"], path.name)
    return values


def check_values(model: type[Section], values: dict) -> tuple[Section | None, list[str]]:
    """Give the values their schema's form.

    Parameters
    ----------
    model : type of Section
        The schema.
    values : dict
        What the file holds.

    Returns
    -------
    section : Section or None
        None when there are mistakes.
    mistakes : list of str
        Every one: key, value and what was expected.
    """
    try:
        return model.model_validate(values), []
    except ValidationError as error:
        return None, _describe(error, values, model)


def load_params(path: Path) -> Params:
    """Read and check all of `params.yaml`.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Params
        Typed and immutable.

    Raises
    ------
    ParamsError
        Naming every mistake: key, value and what was expected.
    """
    values = read_yaml(path)
    params, mistakes = check_values(Params, values)
    mistakes += _joint_mistakes(values)
    if mistakes:
        raise ParamsError(mistakes, path.name)
    return params


def _joint_mistakes(values: dict) -> Iterator[str]:
    """What is wrong only between keys. `values` may hold other mistakes, so nothing is taken for granted."""
    recipes, recipe = values.get("recipes"), values.get("recipe")
    if isinstance(recipes, dict) and isinstance(recipe, str) and recipe not in recipes:
        names = sorted(map(str, recipes))
        yield f"recipe: got {_show(recipe)}, expected one of {', '.join(names)}{did_you_mean(recipe, names)}"
    chosen = recipes.get(recipe) if isinstance(recipes, dict) and isinstance(recipe, str) else None
    if isinstance(chosen, dict) and chosen.get("flagged_ones") and values.get("dataset") in NO_DIGITS:
        yield (
            f"recipe: got {_show(recipe)}, whose flagged_ones draws on handwritten ones, but {values['dataset']} has "
            "none; expected another recipe, such as modern"
        )
    search = values.get("search")
    if not isinstance(search, dict):
        return
    architectures, model = search.get("architectures"), values.get("model")
    if isinstance(architectures, dict) and model in known_names("models") and model not in architectures:
        yield f"search.architectures: has no section for the model '{model}'; add `{model}: {{}}`"
    least, most = search.get("min_images"), search.get("max_images")
    if isinstance(least, int) and isinstance(most, int) and 1 <= most < least:
        yield f"search.max_images: got {most}, expected at least min_images ({least})"


def _describe(error: ValidationError, values: dict, model: type[Section]) -> list[str]:
    mistakes = {}
    for detail in error.errors():
        keys, value = _found(detail["loc"], values)
        if detail["type"] == "missing":
            keys.append(detail["loc"][-1])
        fields, expected = _schema_at(model, keys)
        name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
        if detail["type"] == "missing":
            mistakes[name] = f"{name}: is missing, expected {expected}"
        elif detail["type"] in ("extra_forbidden", "invalid_key"):
            mistakes[name] = f"{name}: is no known key{did_you_mean(keys[-1], fields)}"
        elif detail["type"] == "value_error":
            mistakes[name] = f"{name}: got {_show(value)}, expected {detail['ctx']['error']}"
        else:
            # A value that may be of two types fails once for each: one message.
            mistakes[name] = f"{name}: got {_show(value)}, expected {expected}"
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


def _show(value: Any) -> str:
    return "nothing" if value is None else repr(value)
