"""The rooms of the package: who may import whom, and how large anything may grow."""

import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reach import ROOT, imported_modules, imported_names

PACKAGE = ROOT / "src/digitrec"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
STAGES = sorted((ROOT / "stages").glob("*.py"))
# From the ground up: a room imports from itself and from those below, never from beside or above.
FLOORS = (
    ("errors", "spec"),
    ("pipeline",),
    ("config", "transforms", "models", "baselines", "reading", "figures"),
    ("data",),
    ("training",),
    ("search", "evaluation"),
    ("export", "serve"),
    ("reproduction",),
    ("cli", "estimator"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Rooms of one file, which have nothing beside them.
GROUND = ("errors", "spec")
# Those beside the stages that may know of `params.yaml`.
READERS_OF_PARAMS = ("config", "reproduction", "cli", "estimator")
MOST_LINES, MOST_STAGE_LINES = 400, 50


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _n_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_every_module_is_in_a_room_with_a_floor_and_every_room_has_a_module() -> None:
    assert {_room(path) for path in MODULES} == set(FLOOR)


@pytest.mark.parametrize("room", FLOOR)
def test_imports_go_only_downwards(room: str) -> None:
    for path in (path for path in MODULES if _room(path) == room):
        for other in map(_room, imported_modules(path)):
            inside = other == room and room not in GROUND
            assert inside or FLOOR[other] < FLOOR[room], f"{_name(path)} imports from {other}"


def test_only_stages_the_command_the_estimator_and_the_reproduction_know_of_params() -> None:
    for path in MODULES:
        if _room(path) not in READERS_OF_PARAMS:
            assert "config" not in map(_room, imported_modules(path)), _name(path)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {_name(path): {_name(other) for other in imported_modules(path)} for path in MODULES}
    # Raises an error that names the circle.
    list(graphlib.TopologicalSorter(graph).static_order())


def test_the_package_imports_no_stages_no_tests_and_no_benchmarks() -> None:
    for path in PACKAGE.rglob("*.py"):
        outside = {name.partition(".")[0] for name in imported_names(path)} & {"stages", "tests", "benchmarks", "demo"}
        assert not outside, _name(path)


def test_figures_know_numbers_and_how_to_draw_them_and_nothing_else() -> None:
    for path in (path for path in MODULES if _room(path) == "figures"):
        assert set(map(_room, imported_modules(path))) <= {"figures", "spec", "errors", "pipeline"}, _name(path)


@pytest.mark.parametrize(("room", "slow"), [("figures", {"torch", "sklearn"}), ("reading", {"torch"})])
def test_who_draws_or_reads_pictures_need_not_wait_for_torch(room: str, slow: set[str]) -> None:
    names = [".".join(path.relative_to(ROOT / "src").with_suffix("").parts) for path in MODULES if _room(path) == room]
    script = f"import sys, {', '.join(names)}; print(*{slow} & sys.modules.keys())"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "\n"


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    assert not {_name(path): n for path in MODULES if (n := _n_lines(path)) > MOST_LINES}


def test_a_stage_reads_calls_and_writes_and_does_no_more_than_that() -> None:
    assert not {_name(path): n for path in STAGES if (n := _n_lines(path)) > MOST_STAGE_LINES}


def test_package_init_files_are_empty_but_for_the_public_face_and_the_import_of_matplotlib() -> None:
    written = {path.parent for path in PACKAGE.rglob("__init__.py") if path.read_text()}
    assert written == {PACKAGE, PACKAGE / "figures"}
