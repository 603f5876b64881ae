"""Which modules of the package a script reaches, read from its imports."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


def _module_file(name: str) -> Path | None:
    path = SOURCE / Path(*name.split("."))
    if path.with_suffix(".py").exists():
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").exists() else None


def reached_modules(script: Path) -> set[str]:
    """Paths, relative to the project, of all modules that `script` imports, itself or through others."""
    seen: set[Path] = set()
    todo = [script]
    while todo:
        for node in ast.walk(ast.parse(todo.pop().read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                file = _module_file(name) if name.startswith("digitrec") else None
                if file and file.name != "__init__.py" and file not in seen:
                    seen.add(file)
                    todo.append(file)
    return {str(file.relative_to(ROOT)) for file in seen}
