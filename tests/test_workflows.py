"""The GitHub workflows: free of mistakes, and every command in them means something."""

import re
import shutil
import subprocess
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
        written = re.findall(r"> *(\S+)", script)
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


def report_of(pipeline: Pipeline, outcome: str) -> str:
    """Run the workflow's own script, as GitHub runs it; the report, which is its summary."""
    shutil.copytree(ROOT / ".github", pipeline.folder / ".github")
    steps = parse(read("reproduce.yml"))["jobs"]["reproduce"]["steps"]
    [script] = [step["run"] for step in steps if step.get("id") == "report"]
    summary = pipeline.folder / "summary.md"
    pipeline.run("bash", "-e", "-c", script, BASE="main", OUTCOME=outcome, GITHUB_STEP_SUMMARY=str(summary))
    assert (pipeline.folder / "report.md").read_text() == summary.read_text()
    return summary.read_text()


def test_the_report_shows_what_a_pull_request_changes(changed: Pipeline, tmp_path: Path) -> None:
    pull_request = changed.copy(tmp_path / "project")
    summary = report_of(pull_request, "success")
    assert "dvc repro against main: success" in summary
    assert "McNemar" in summary
    assert re.search(r"\| params.yaml +\| max_epochs +\| 3 +\| 4 +\|", summary)
    assert re.search(r"\| metrics/train_final.json +\| epochs +\| 3 +\| 4 +\| 1 +\|", summary)
    assert summary.count("```mermaid") == 2
    # The earlier run of three epochs is drawn beside this one of four.
    for line in re.findall(r"line \[(.*)\]", summary):
        assert len(line.split(",")) == 4
    assert "Pictures that changed: calibration, compare_baselines, confusion" in summary
    assert (pull_request.folder / "plots_diff/index.html").exists()


def test_a_run_that_failed_is_reported_too(pipeline: Pipeline) -> None:
    pipeline.put_under_git()
    pipeline.change_params(lambda params: params.update(lr=1e30))
    pipeline.run("dvc", "repro", ok=False)
    summary = report_of(pipeline, "failure")
    assert "dvc repro against main: failure" in summary
    # The table would be that of an earlier run.
    assert "McNemar" not in summary
    assert "| lr " in summary
