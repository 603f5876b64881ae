"""dvc.yaml says what stages depend on; see test_reruns.py for what DVC makes of it."""

import pytest
import yaml

from tests.conftest import ROOT
from tests.reach import reached_modules

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
REPRODUCTION = {
    name: stage.get("do", stage)
    for name, stage in yaml.safe_load((ROOT / "reproduction/dvc.yaml").read_text())["stages"].items()
}
# Rooms of which a script imports one module by a name in params.yaml, and how dvc.yaml says that name.
NAMED = {
    "download": ("data/sources", "${dataset}"),
    "gridsearch": ("models", "${model}"),
    "train-final": ("models", "${model}"),
    "evaluate": ("models", "${model}"),
    "calibrate": ("models", "${model}"),
    "train-reader": ("models", "${model}"),
    "export": ("models", "${model}"),
    "robustness": ("models", "${model}"),
    "fit-baseline": ("baselines", "${item.name}"),
    "train-system": ("models", "${item.model}"),
    "search-system": ("models", "${systems.okon.model}"),
    "suspicious-labels": ("models", "${suspicious_labels.model}"),
}


def _reached_by_name(stage: str) -> set[str]:
    """The module that is imported by name, and what any that has such a name reaches."""
    if stage not in NAMED:
        return set()
    room, name = NAMED[stage]
    modules = sorted((ROOT / "src/digitrec" / room).glob("[a-z]*.py"))
    assert modules, room
    return {f"src/digitrec/{room}/{name}.py"}.union(*map(reached_modules, modules))


@pytest.mark.parametrize("name", [*STAGES, *REPRODUCTION])
def test_code_dependencies_are_exactly_the_modules_that_the_stage_reaches(name: str) -> None:
    script = f"stages/{name.replace('-', '_')}.py"
    stage = STAGES.get(name) or REPRODUCTION[name]
    code = {path.removeprefix("../") for path in stage["deps"] if path.endswith(".py")}
    assert code == reached_modules(ROOT / script) | _reached_by_name(name) | {script}
    assert f"{script} " in f"{stage['cmd']} "


def test_every_stage_script_has_a_stage_and_every_stage_that_is_named_above_is_one() -> None:
    stages = {**STAGES, **REPRODUCTION}
    scripts = {path.stem.replace("_", "-") for path in (ROOT / "stages").glob("*.py")}
    # The summary is printed from what stages wrote.
    assert scripts - {"summary"} == set(stages)
    assert set(NAMED) <= set(stages)


def test_what_draws_depends_on_no_training_and_what_computes_on_no_drawing() -> None:
    for name, stage in {**STAGES, **REPRODUCTION}.items():
        code = [path.removeprefix("../").removeprefix("src/digitrec/") for path in stage["deps"]]
        rooms = {path.partition("/")[0] for path in code}
        if name.startswith("draw-"):
            assert not rooms & {"training", "models", "search", "transforms", "evaluation"}, name
        else:
            assert "figures" not in rooms, name


def test_metrics_plots_and_the_exported_model_are_not_cached_so_that_git_has_them() -> None:
    for stage in STAGES.values():
        assert all(isinstance(entry, dict) for entry in stage.get("metrics", []))
        for entry in [*stage.get("metrics", []), *stage["outs" if "outs" in stage else "metrics"]]:
            path, settings = next(iter(entry.items())) if isinstance(entry, dict) else (entry, {})
            assert (settings == {"cache": False}) is path.startswith(("metrics/", "plots/", "data/export")), path
