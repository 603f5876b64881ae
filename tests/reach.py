"""Which modules of the package a file reaches, read from its imports."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


def _module_file(name: str) -> Path | None:
    path = SOURCE / Path(*name.split("."))
    if path.with_suffix(".py").exists():
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").exists() else None


@cache
def imported_names(file: Path) -> frozenset[str]:
    """Dotted names of all that a file imports, at its top or in a function: `a`, `a.b` for `from a import b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{file}: imports by a relative name, which is not followed"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


@cache
def imported_modules(file: Path) -> frozenset[Path]:
    """Files of the package that a file imports itself, with what their rooms run first; not the public face."""
    found = {_module_file(name) for name in imported_names(file) if name.partition(".")[0] == "digitrec"}
    modules = {path for path in found if path and path.name != "__init__.py"}
    rooms = {path.with_name("__init__.py") for path in modules if path.parent != SOURCE / "digitrec"}
    return frozenset(modules | {room for room in rooms if room.read_text(encoding="utf-8")})


def reached_modules(script: Path) -> set[str]:
    """Paths, relative to the project, of all modules that `script` imports, itself or through others."""
    seen: set[Path] = set()
    todo = [script]
    while todo:
        found = imported_modules(todo.pop()) - seen
        seen |= found
        todo += found
    return {str(file.relative_to(ROOT)) for file in seen}
