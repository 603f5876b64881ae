"""The reference of params.yaml: what each key means, by the comments there, and what it takes, by the schema."""

import re
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from digitrec.config.params import Params
from digitrec.config.section import known_names
from digitrec.config.yaml import read_yaml
from docs.markdown import table

ROOT = Path(__file__).parents[1]
# Keys whose values are names of files in a room.
ROOMS = {"dataset": "data/sources", "model": "models"}
LINE = re.compile(r"(?P<indent> *)(?:# (?P<comment>.*)|(?P<key>[\w]+):(?P<rest>.*))$")


def reference() -> str:
    """Give every key that has a comment in params.yaml: a table of those that stand alone, and one a section."""
    values = read_yaml(ROOT / "params.yaml")
    # By section, '' for keys outside of all: what stands over it, and a row a key.
    sections: dict[str, tuple[str, list[list[str]]]] = {"": ("", [])}
    path: list[str] = []
    comment: list[str] = []
    for line in (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines():
        found = LINE.match(line)
        if found and found["comment"] is not None:
            comment.append(found["comment"])
            continue
        if found:
            path = [*path[: len(found["indent"]) // 2], found["key"]]
            value, meaning = _value(values, path), " ".join(comment)
            if len(path) == 1 and isinstance(value, dict):
                sections[path[0]] = f"## {path[0]}\n\n{meaning}\n\n", []
            elif comment:
                name = ".".join(path[1:] or path)
                _, rows = sections[path[0] if len(path) > 1 else ""]
                rows.append([f"`{name}`", _expected(path), _committed(value), meaning])
        comment = []
    return "\n\n".join(
        over + table(["key", "takes", "committed", "meaning"], "llll", rows) for over, rows in sections.values()
    )


def _committed(value: Any) -> str:
    if isinstance(value, dict):
        return ""
    flow = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")
    return f"`{flow}`"


def _value(values: Any, path: list[str]) -> Any:
    for key in path:
        values = values[key]
    return values


def _expected(path: list[str]) -> str:
    """Find what the schema says of a key."""
    schema: Any = Params
    expected = ""
    for key in path:
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            field = schema.model_fields[key]
            expected, schema = field.description or "", field.annotation
        else:
            # A section whose keys are names.
            schema, expected = get_args(schema)[1], ""
    return expected or ", ".join(known_names(ROOMS.get(path[-1], "")) if path[-1] in ROOMS else ())
