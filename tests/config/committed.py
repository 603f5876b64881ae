"""The committed params.yaml, changed here and there, and what is wrong with it then."""

from pathlib import Path

import pytest

from digitrec.config.params import load_params
from digitrec.errors import ParamsError
from tests.tiny import ROOT

COMMITTED = (ROOT / "params.yaml").read_text()


def write_params(folder: Path, text: str) -> Path:
    path = folder / "params.yaml"
    path.write_text(text)
    return path


def with_changes(folder: Path, *changes: tuple[str, str]) -> Path:
    """The committed file with some of its lines changed, each where it stands first."""
    text = COMMITTED
    for old, new in changes:
        assert f"\n{old}\n" in text, old
        text = text.replace(f"\n{old}\n", f"\n{new}\n", 1)
    return write_params(folder, text)


def mistakes_of(path: Path) -> list[str]:
    with pytest.raises(ParamsError) as caught:
        load_params(path)
    assert caught.value.exit_status == 2
    return caught.value.mistakes
