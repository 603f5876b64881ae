"""What `import digitrec` gives a person's own script."""

import ast
import subprocess
import sys

import pytest

import digitrec
from tests.reach import ROOT, reached_modules

HEAVY = ("torch", "skorch", "sklearn", "onnxruntime", "numpy", "pydantic")


@pytest.mark.parametrize("name", digitrec.__all__)
def test_every_name_is_there_and_comes_from_one_place(name: str) -> None:
    found = getattr(digitrec, name)
    assert found.__name__ == name
    assert found.__module__.startswith("digitrec.")
    assert name in dir(digitrec)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'digitrec' has no attribute 'Recogniser'"):
        _ = digitrec.Recogniser
    # Modules of the package are found all the same.
    from digitrec import errors

    assert errors.DigitrecError


def test_importing_it_loads_nothing() -> None:
    code = f"import sys, digitrec; print(*set({HEAVY!r}) & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "\n"


def test_a_specification_and_a_recognizer_cost_no_torch() -> None:
    code = "import sys; from digitrec import ImageSpec, Recognizer, TrainingSpec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_it_makes_no_module_a_dependency_of_stages() -> None:
    tree = ast.parse((ROOT / "src/digitrec/__init__.py").read_text())
    for_types = [node for node in tree.body if isinstance(node, ast.If)]
    outside = [name for node in tree.body if node not in for_types for name in _imported(node)]
    assert outside == ["os", "importlib", "typing"]
    assert "src/digitrec/reading/recognizer.py" not in reached_modules(ROOT / "stages/download.py")


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
