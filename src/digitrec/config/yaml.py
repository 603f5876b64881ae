"""Reading YAML with YAML 1.2's rules for numbers and truth values, as DVC writes them."""

import re
import reprlib
from pathlib import Path
from typing import Any

import yaml

from digitrec.errors import ParamsError


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


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict = 3, 20, 20
_SHORT.maxstring, _SHORT.maxlong, _SHORT.maxother = 200, 80, 80


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
    # The last of what is nested too deep.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ParamsError([f"is no valid YAML: {' '.join(str(error).split())}"], path.name) from error
    if not isinstance(values, dict):
        raise ParamsError([f"got {show(values)}, expected keys with values"], path.name)
    return values


def show(value: Any) -> str:
    """Show a value in a message, shortened where it is large: by `&` and `*`, few lines can be millions of values."""
    return "nothing" if value is None else _SHORT.repr(value)
