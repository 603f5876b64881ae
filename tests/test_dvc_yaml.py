"""dvc.yaml says what stages depend on; see test_reruns.py for what DVC makes of it."""

import hashlib
import json
import re

import pytest
import yaml

from tests.conftest import ROOT
from tests.reach import reached_modules

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
REPRODUCTION = {
    name: stage.get("do", stage)
    for name, stage in yaml.safe_load((ROOT / "reproduction/dvc.yaml").read_text())["stages"].items()
}
# Rooms that a stage depends on whole: a name in a list says what is imported, and DVC has no names for lists.
WHOLE = {"fit-baseline": "src/digitrec/baselines", "robustness": "src/digitrec/baselines"}
# A room outside the project's folder, where .dvcignore says nothing: a stage depends on it file by file.
ALL_OF = {"check-systems": "src/digitrec/models"}
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
    "train-system": ("models", "${item.model}"),
    "home-made-digits": ("models", "${systems.wang.model}"),
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
    deps = {path.removeprefix("../") for path in stage["deps"]}
    reached = reached_modules(ROOT / script) | _reached_by_name(name) | {script}
    if name in ALL_OF:
        reached |= {path.relative_to(ROOT).as_posix() for path in (ROOT / ALL_OF[name]).glob("*[!_].py")}
    if name in WHOLE:
        assert WHOLE[name] in deps
        reached = reached.union(*map(reached_modules, (ROOT / WHOLE[name]).glob("[a-z]*.py")))
        reached = {path for path in reached if not path.startswith(f"{WHOLE[name]}/")}
    assert {path for path in deps if path.endswith(".py")} == reached
    # In the environment that DVC runs in.
    assert re.fullmatch(rf"sh (?P<up>(\.\./)?)stages/run\.sh (?P=up){script}( .*)?", stage["cmd"])


def test_no_stage_counts_what_python_leaves_in_a_folder_of_another_project() -> None:
    outside = [path for stage in REPRODUCTION.values() for path in stage["deps"] if path.startswith("../src/")]
    assert [path for path in outside if not (ROOT / "reproduction" / path).is_file() and "${" not in path] == []


def test_every_stage_script_has_a_stage_and_every_stage_that_is_named_above_is_one() -> None:
    stages = {**STAGES, **REPRODUCTION}
    scripts = {path.stem.replace("_", "-") for path in (ROOT / "stages").glob("*.py")}
    # These look at what stages wrote.
    assert scripts - {"provenance", "summary", "verify", "verify-system"} == set(stages)
    assert set(NAMED) <= set(stages)


def test_what_draws_depends_on_no_training_and_what_computes_on_no_drawing() -> None:
    for name, stage in {**STAGES, **REPRODUCTION}.items():
        code = [path.removeprefix("../").removeprefix("src/digitrec/") for path in stage["deps"]]
        rooms = {path.partition("/")[0] for path in code}
        if name.startswith("draw-"):
            assert not rooms & {"training", "models", "search", "transforms", "evaluation"}, name
        else:
            assert "figures" not in rooms, name


def _outputs(stages: dict, kinds: tuple[str, ...] = ("outs", "metrics", "plots")) -> dict[str, dict]:
    """Every declared output of those kinds, and how it is kept."""
    found: dict[str, dict] = {}
    for stage in stages.values():
        for entry in (entry for kind in kinds for entry in stage.get(kind, [])):
            path, settings = next(iter(entry.items())) if isinstance(entry, dict) else (entry, {})
            assert path not in found, path
            found[path] = settings
    return found


@pytest.mark.parametrize("stages", [STAGES, REPRODUCTION], ids=["main", "reproduction"])
def test_git_keeps_metrics_and_plots_and_dvc_all_else_so_that_every_stage_can_be_restored(stages: dict) -> None:
    # DVC takes no stage into its run cache of which a file under `outs` is uncached.
    assert all(path.startswith("data/") and not kept for path, kept in _outputs(stages, ("outs",)).items())
    for path, kept in _outputs(stages, ("metrics", "plots")).items():
        assert path.startswith(("metrics/", "plots/"))
        assert kept["cache"] is False
        # Neither externals nor outputs that outlive their stage are in the run cache.
        assert set(kept) <= {"cache", "x", "y"}


# Folders of which each part is an output of its own, and which stage draw-systems clears of all else.
CLEARED = {"data/systems", "data/tsne", "metrics/systems", "metrics/times"}


@pytest.mark.parametrize("stages", [STAGES, REPRODUCTION], ids=["main", "reproduction"])
def test_what_is_read_of_results_is_exactly_what_one_stage_writes(stages: dict) -> None:
    for name, stage in stages.items():
        for path in stage["deps"]:
            own = not path.startswith("../")
            outputs = _outputs(stages if own else STAGES)
            path = path.removeprefix("../")
            if path.startswith(("data/", "metrics/", "plots/")) and not (own and path in CLEARED):
                writers = [out for out in outputs if path == out or path.startswith(f"{out}/")]
                assert len(writers) == 1, f"{name} depends on {path}, which {writers or 'no stage'} writes"


def _before(stage: dict, stages: dict) -> list[str]:
    """Stages that write what a stage reads."""
    return [
        name
        for name, other in stages.items()
        if any(dep == out or dep.startswith(f"{out}/") for dep in stage["deps"] for out in _outputs({name: other}))
    ]


@pytest.mark.parametrize(
    ("stages", "first"), [(STAGES, "check-params"), (REPRODUCTION, "check-systems")], ids=["main", "reproduction"]
)
def test_all_stages_come_after_the_check_of_the_parameters(stages: dict, first: str) -> None:
    after = {first}
    while more := {name for name, stage in stages.items() if after & set(_before(stage, stages))} - after:
        after |= more
    assert after == set(stages)


def test_tables_are_drawn_as_the_end_of_the_file_says_and_pictures_once() -> None:
    drawn = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    tables = {path for plot in drawn for about in plot.values() for path in about["y"]}
    assert tables < set(_outputs(STAGES))
    for path, kept in _outputs(STAGES, ("plots",)).items():
        assert (kept.get("y") == "${undrawn}") is path.endswith((".csv", ".json")), path


@pytest.mark.parametrize("pipeline", ["dvc.yaml", "reproduction/dvc.yaml"])
def test_the_committed_copy_is_what_the_committed_run_gave(pipeline: str) -> None:
    stages = yaml.safe_load((ROOT / pipeline).with_suffix(".lock").read_text())["stages"]
    if pipeline == "dvc.yaml":
        files = [
            {"md5": hashlib.md5(path.read_bytes()).hexdigest(), "relpath": path.name}
            for path in sorted((ROOT / "src/digitrec/pretrained").iterdir())
        ]
        copy = hashlib.md5(json.dumps(files, sort_keys=True).encode()).hexdigest() + ".dir"
        [kept] = [out["md5"] for out in stages["export"]["outs"] if out["path"].startswith("data/")]
    else:
        copy = hashlib.md5((ROOT / "REPRODUCTION.md").read_bytes()).hexdigest()
        [kept] = [out["md5"] for out in stages["claims"]["outs"] if out["path"].endswith(".md")]
    assert copy == kept, "`make repro` and `make reproduce` copy what DVC keeps"
