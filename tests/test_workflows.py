"""The GitHub workflows: free of mistakes, and every command in them means something."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Pipeline, environment_of

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(path.name for path in FOLDER.glob("*.y*ml"))
ENVIRONMENT = environment_of(ROOT / "src")


def read(name: str) -> str:
    return (FOLDER / name).read_text()


def parse(text: str) -> dict:
    # YAML 1.1 takes the key `on` for true.
    return {"on" if key is True else key: value for key, value in yaml.safe_load(text).items()}


def lint(folder: Path) -> str:
    """What jactionlint (and ShellCheck, which it runs) finds in a repository; nothing where all is well."""
    command = ["jactionlint", "--strict-exit", "--oneline"]
    result = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert (result.returncode == 0) is (result.stdout == ""), result.stdout + result.stderr
    return result.stdout


@cache
def dvc_help(*subcommand: str) -> str:
    """What `dvc SUBCOMMAND --help` prints; nothing if there is no such subcommand."""
    shown = subprocess.run(["dvc", *subcommand, "--help"], env=ENVIRONMENT, capture_output=True, text=True)
    return shown.stdout if shown.returncode == 0 else ""


def problems(text: str) -> list[str]:
    """What no linter can know: targets, scripts, files, DVC's options, variables and pins that are not there."""
    workflow = parse(text)
    found = []
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    # By commit, with the version for people to read.
    found += [action for action in re.findall(r"uses: (.*)", text) if not re.search(r"@[0-9a-f]{40} # v\d", action)]
    for job in workflow["jobs"].values():
        script = "\n".join(step.get("run", "") for step in job["steps"])
        found += [f"make {name}" for name in re.findall(r"make ([a-z-]+)", script) if name not in targets]
        written = re.findall(r"(?:>|\btee) *(\S+)", script)
        named = re.findall(r"[\w./-]+\.(?:lock|md|py)\b", text)
        found += [name for name in named if name not in written and not (ROOT / name).exists()]
        for line in re.findall(r"\bdvc .*", script):
            words = re.findall(r"[\w-]+", line.partition('"$')[0])[1:]
            name = words[: 2 if words[0] in ("exp", "metrics", "params", "plots") else 1]
            options = [word for word in re.findall(r"--[\w-]+", line) if word not in dvc_help(*name)]
            found += [f"dvc {' '.join([*name, *options])}"] * (not dvc_help(*name) or bool(options))
        around = {*workflow.get("env", {}), *job.get("env", {})}
        for step in job["steps"]:
            used = set(re.findall(r"\$\{?([A-Z]+)\b", step.get("run", "")))
            found += [f"${name}" for name in sorted(used - around - set(step.get("env", {})) - {"PWD"})]
    return found


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_target_file_option_and_variable_exists(name: str) -> None:
    assert problems(read(name)) == []


CHECKOUT = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd"
BREAKS = {
    "a target": ("ci.yml", "make demo", "make dmeo", "make dmeo"),
    "a subcommand": ("reproduce.yml", "dvc metrics diff", "dvc metrics dif", "dvc metrics dif --md"),
    "an option": ("reproduce.yml", "diff --md", "diff --markdown", "dvc metrics diff --markdown"),
    "a script": ("reproduce.yml", "stages/summary.py", "stages/sumary.py", "stages/sumary.py"),
    "a file": ("reproduce.yml", "cat report.md", "cat raport.md", "raport.md"),
    "a lock file": ("ci.yml", "requirements.lock", "requirement.lock", "requirement.lock"),
    "a variable": ("reproduce.yml", "BASE: origin", "TRUNK: origin", "$BASE"),
    "a pin": ("ci.yml", f"{CHECKOUT} # v6.0.2", "actions/checkout@v6", "actions/checkout@v6"),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_name_that_is_not_there_is_found(kind: str) -> None:
    name, right, wrong, expected = BREAKS[kind]
    assert right in read(name)
    assert expected in problems(read(name).replace(right, wrong))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The workflows in a repository of their own."""
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


LINTED = {
    "a key": ("ci.yml", "runs-on:", "run-on:", 'unexpected key "run-on"'),
    "a step": ("reproduce.yml", "id: report", "id: raport", 'property "report" is not defined'),
    "a setting": ("reproduce.yml", "vars.GPU_RUNNER", "vars.GPU", "gpu"),
    "a timeout": ("ci.yml", "    timeout-minutes: 60\n", "", '"timeout-minutes" is not set'),
    "an injection": ("reproduce.yml", '--md "$BASE"', '--md "${{ github.head_ref }}"', "potentially untrusted"),
    "the shell": ("reproduce.yml", '--md "$BASE"', "--md $BASE", "SC2086"),
}


@pytest.mark.parametrize("kind", LINTED)
def test_the_linter_finds_mistakes_and_there_are_none(copied: Path, kind: str) -> None:
    assert lint(copied) == ""
    name, right, wrong, expected = LINTED[kind]
    path = copied / ".github/workflows" / name
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    assert expected in lint(copied)


def test_ci_runs_the_two_commands_on_every_push_and_pull_request_with_both_ends_of_the_supported_pythons() -> None:
    workflow = parse(read("ci.yml"))
    assert set(workflow["on"]) == {"push", "pull_request"}
    [job] = workflow["jobs"].values()
    assert {"make test", "make demo"} <= {step.get("run") for step in job["steps"]}
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert supported == ">=3.11,<3.14"


def test_reproduce_needs_no_more_rights_than_to_comment_and_compares_with_all_branches() -> None:
    workflow = parse(read("reproduce.yml"))
    assert set(workflow["on"]) == {"pull_request", "workflow_dispatch"}
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["jobs"]["reproduce"]["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert workflow["env"]["DIGITREC_DEVICE"] == "auto"
    steps = workflow["jobs"]["reproduce"]["steps"]
    assert [step["with"]["fetch-depth"] for step in steps if step.get("uses", "").startswith("actions/checkout@")] == [
        0
    ]


def test_a_fork_gets_neither_the_gpu_machine_nor_a_token() -> None:
    job = parse(read("reproduce.yml"))["jobs"]["reproduce"]
    # `a && b || c` is GitHub's "if a then b else c".
    assert "pull_request.head.repo.fork && 'ubuntu-latest' || vars.GPU_RUNNER || 'ubuntu-latest'" in job["runs-on"]
    with_token = [step for step in job["steps"] if "github.token" in str(step)]
    assert [step["name"] for step in with_token] == ["Comment on the pull request"]
    assert "head.repo.full_name == github.repository" in with_token[0]["if"]
    assert with_token[0]["continue-on-error"] is True
    checkouts = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False]


def test_finished_fits_are_kept_for_the_next_run_also_when_this_one_fails() -> None:
    steps = parse(read("reproduce.yml"))["jobs"]["reproduce"]["steps"]
    [restore] = [step for step in steps if step.get("uses", "").startswith("actions/cache/restore@")]
    [save] = [step for step in steps if step.get("uses", "").startswith("actions/cache/save@")]
    assert restore["with"]["path"].split() == save["with"]["path"].split() == ["data/cache", ".dvc/cache"]
    assert restore["with"]["key"] == save["with"]["key"]
    assert restore["with"]["key"].startswith(restore["with"]["restore-keys"])
    assert "always()" in save["if"]


def scripts(name: str) -> list[dict]:
    """The steps of a workflow's one job that run a script."""
    [job] = parse(read(name))["jobs"].values()
    return [step for step in job["steps"] if "run" in step]


def uploaded(name: str) -> list[str]:
    """What a workflow keeps for people to look at."""
    [job] = parse(read(name))["jobs"].values()
    uploads = [step for step in job["steps"] if step.get("uses", "").startswith("actions/upload-artifact@")]
    return "\n".join(step["with"]["path"] for step in uploads).split()


def run_script(step: dict, folder: Path, ok: bool = True, **environment: str) -> str:
    """Run a step's script in a folder as GitHub's runner does with `shell: bash`; what it printed."""
    script = folder.parent / "step.sh"
    script.write_text(step["run"])
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    # Of a step's own variables, those that GitHub would fill in are for the test to give.
    environment = environment_of(folder / "src") | {"VENV": sys.prefix} | environment
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert (result.returncode == 0) is ok, f"{step['run']}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def stand_in(folder: Path, name: str) -> Path:
    """A program of that name, alone in a folder, that does nothing but write down what it is told."""
    folder.mkdir()
    program, told = folder / name, folder / "told"
    program.write_text(f'#!/bin/sh\necho "$@" >> "{told}"\n')
    program.chmod(0o755)
    return told


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_script_also_fails_where_what_fails_is_not_the_last_of_a_pipe(name: str) -> None:
    assert parse(read(name))["defaults"] == {"run": {"shell": "bash"}}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project with the real commands, one module and one test of it."""
    folder, package = tmp_path / "small", tmp_path / "small/src/digitrec"
    package.mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "Containerfile"):
        shutil.copy(ROOT / name, folder)
    for name in (".github", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.py"))
    (folder / "stages/summary.py").write_text('"""Nothing."""\n')
    (package / "__init__.py").touch()
    (package / "errors.py").write_bytes((ROOT / "src/digitrec/errors.py").read_bytes())
    (folder / "tests").mkdir()
    (folder / "tests/test_errors.py").write_text(
        "from digitrec.errors import ParamsError\n\n\n"
        "def test_mistakes_are_counted() -> None:\n"
        '    assert str(ParamsError(["a", "b"])).startswith("2 mistakes in params.yaml")\n'
    )
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


@pytest.mark.slow
def test_every_script_of_ci_runs(small: Path, demo: Path, tmp_path: Path) -> None:
    # The whole pipeline in the clone that has gone through it; the rest in a project that is tested sooner.
    shutil.copytree(demo / "project", tmp_path / "project", symlinks=True)
    told = stand_in(tmp_path / "bin", "sudo")
    for step in scripts("ci.yml"):
        if step["run"] == "make demo":
            assert "Test accuracy" in run_script(step, tmp_path / "project", DEMO=str(demo / "tiny.yaml"))
        elif "sudo" in step["run"]:
            # A machine without that program; where it is, nothing is installed.
            (tmp_path / "bin/bash").symlink_to(shutil.which("bash"))
            run_script(step, small, PATH=str(tmp_path / "bin"))
        else:
            run_script(step, small)
    assert told.read_text() == "apt-get update\napt-get install --yes strace\n"
    assert all((tmp_path / "project" / path).exists() for path in uploaded("ci.yml"))

    [tests] = [step for step in scripts("ci.yml") if step["run"] == "make test"]
    test = small / "tests/test_errors.py"
    test.write_text(test.read_text().replace("2 mistakes", "3 mistakes"))
    assert "1 failed" in run_script(tests, small, ok=False)


def job_of(pipeline: Pipeline, ok: bool = True, **environment: str) -> str:
    """Run every script of the workflow on a pull request's pipeline; the report, which is its summary."""
    folder = pipeline.folder
    shutil.copytree(ROOT / ".github", folder / ".github")
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    summary, told = folder.parent / "summary.md", stand_in(folder.parent / "bin", "gh")
    path = f"{told.parent}{os.pathsep}{pipeline.environment['PATH']}"
    of_github = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_PATH": str(folder.parent / "path"), "NUMBER": "7"}
    of_github |= {"BASE": "main", "OUTCOME": "success" if ok else "failure", "PATH": path}
    for step in scripts("reproduce.yml"):
        repro = step.get("id") == "repro"
        if ok or "steps.repro.outcome == 'success'" not in step.get("if", ""):
            run_script(step, folder, ok or not repro, **of_github)
    assert (folder.parent / "path").read_text() == f"{folder}/.venv/bin\n"
    assert told.read_text() == "pr comment 7 --edit-last --create-if-none --body-file comment.md\n"
    report = summary.read_text()
    assert (folder / "report.md").read_text() == (folder / "comment.md").read_text() == report
    assert all((folder / path).exists() for path in uploaded("reproduce.yml"))
    return report


def test_every_script_on_a_pull_request_runs_and_the_report_shows_what_it_changes(
    changed: Pipeline, tmp_path: Path
) -> None:
    summary = job_of(changed.copy(tmp_path / "project"))
    assert "dvc repro against main: success" in summary
    assert "McNemar" in summary
    assert re.search(r"\| params.yaml +\| max_epochs +\| 3 +\| 4 +\|", summary)
    assert re.search(r"\| metrics/train_final.json +\| epochs +\| 3 +\| 4 +\| 1 +\|", summary)
    assert summary.count("```mermaid") == 2
    # The earlier run of three epochs is drawn beside this one of four.
    for line in re.findall(r"line \[(.*)\]", summary):
        assert len(line.split(",")) == 4
    assert "Pictures that changed: calibration, compare_baselines, confusion" in summary
    assert "### Errors on the test images against main" in summary
    assert "Not worse than chance explains" in summary


def test_a_run_that_failed_is_reported_too(pipeline: Pipeline) -> None:
    pipeline.put_under_git()
    pipeline.change_params(lambda params: params.update(lr=1e30))
    summary = job_of(pipeline, ok=False)
    assert "dvc repro against main: failure" in summary
    # The table would be that of an earlier run.
    assert "McNemar" not in summary
    assert "| lr " in summary


def test_a_run_with_a_worse_model_is_reported_and_fails(changed: Pipeline, tmp_path: Path) -> None:
    worse = changed.copy(tmp_path / "project")
    shutil.copytree(ROOT / ".github", worse.folder / ".github")
    predictions = worse.folder / "plots/predictions.csv"
    predictions.write_text(re.sub(r"(?m)^(\d+,[5-9]),[5-9],", r"\1,3,", predictions.read_text()))
    [step] = [step for step in scripts("reproduce.yml") if "accuracy.py" in step["run"]]
    run_script(step, worse.folder, ok=False, BASE="main")
    assert re.search(r"Worse classes, errors: .*\b8 \(", (worse.folder / "accuracy.md").read_text())
