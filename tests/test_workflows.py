"""The GitHub workflows: valid by the published schema, and every command and expression in them means something."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Pipeline

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(path.name for path in FOLDER.glob("*.y*ml"))
BIN = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

# What every Ubuntu runner has, and what an action puts on the PATH of the steps after it.
UBUNTU = {"[", "cat", "cp", "echo", "git", "make", "mkdir", "python", "tee"}
FROM_ACTIONS = {"cml": "iterative/setup-cml@"}
KEYWORDS = {"{", "}", "!", "if", "then", "else", "elif", "fi", "do", "done", "while"}
SEPARATORS = {";", "&&", "||", "|", "&", "(", ")"}

FUNCTIONS = {"always", "cancelled", "contains", "failure", "format", "hashFiles", "startsWith", "success"}
# The parts of GitHub's contexts that there is a use for.
KNOWN = {
    "github": {"base_ref", "event", "event_name", "ref", "ref_name", "repository", "run_attempt", "run_id", "workflow"},
    "github.event": {"pull_request", "repository"},
    "runner": {"os"},
    "secrets": {"GITHUB_TOKEN"},
    "vars": {"GPU_RUNNER"},
}


def read(name: str) -> str:
    return (FOLDER / name).read_text()


def parse(text: str) -> dict:
    # YAML 1.1 takes the key `on` for true.
    return {"on" if key is True else key: value for key, value in yaml.safe_load(text).items()}


def simple_commands(script: str) -> tuple[list[list[str]], set[str]]:
    """Split a shell script into commands, each a list of words, and the files that it writes by redirection."""
    commands, written = [], set()
    for line in script.replace("\\\n", " ").splitlines():
        tokens = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        tokens.whitespace_split = True
        words: list[str] = []
        redirected = False
        for token in [*tokens, ";"]:
            if redirected:
                written.add(token)
                redirected = False
            elif token in (">", ">>"):
                redirected = True
            elif token in SEPARATORS:
                commands.append(words)
                words = []
            elif words or token not in KEYWORDS:
                words.append(token)
    return [words for words in commands if words], written


@cache
def dvc_help(*subcommand: str) -> str:
    """What `dvc SUBCOMMAND --help` prints; nothing if there is no such subcommand."""
    shown = subprocess.run(["dvc", *subcommand, "--help"], env=ENVIRONMENT, capture_output=True, text=True)
    return shown.stdout if shown.returncode == 0 else ""


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def command_problems(words: list[str], actions: list[str]) -> list[str]:
    """What is wrong with one command, given the actions that were used before it."""
    program, arguments = words[0], words[1:]
    plain = [word for word in arguments if not word.startswith("-")]
    if program in FROM_ACTIONS:
        earlier = any(action.startswith(FROM_ACTIONS[program]) for action in actions)
        return [] if earlier else [f"{program}: no earlier step installs it"]
    if program not in UBUNTU and not (BIN / program).exists():
        return [f"{program}: no such program"]
    if program == "make":
        return [f"make {word}: no such target" for word in plain if "=" not in word and word not in make_targets()]
    if program == "python":
        return [f"python {word}: no such file" for word in plain[:1] if not (ROOT / word).is_file()]
    if program == "dvc":
        name = plain[:2] if plain[0] in ("exp", "metrics", "params", "plots") else plain[:1]
        help_text = dvc_help(*name)
        if not help_text:
            return [f"dvc {' '.join(name)}: no such subcommand"]
        options = [word.split("=")[0] for word in arguments if word.startswith("-")]
        return [f"dvc {' '.join(name)} {word}: no such option" for word in options if word not in help_text]
    return []


def file_problems(words: list[str], written: set[str]) -> list[str]:
    names = [word for word in words if re.fullmatch(r"[\w./-]+\.(csv|html|json|lock|md|py|sh|toml|yaml)", word)]
    return [f"{name}: no such file" for name in names if name not in written and not (ROOT / name).exists()]


def variable_problems(script: str, known: set[str]) -> list[str]:
    known = known | set(re.findall(r"^\s*(?:for +)?(\w+)(?:=| +in )", script, re.MULTILINE))
    used = re.findall(r"\$\{?(\w+)", script)
    return [
        f"${name}: set nowhere" for name in used if name not in known | {"HOME", "PWD"} and name[:7] != "GITHUB_"
    ] + ["an expression inside a script, where its value would be run: pass it by `env`"] * ("${{" in script)


def expressions(value: object, condition: bool = False) -> list[str]:
    """All GitHub expressions in a part of a workflow; the value of `if` is one with or without braces."""
    if isinstance(value, dict):
        return [found for key, part in value.items() for found in expressions(part, key == "if")]
    if isinstance(value, list):
        return [found for part in value for found in expressions(part)]
    found = re.findall(r"\$\{\{(.*?)\}\}", value) if isinstance(value, str) else []
    return found or ([value] if condition and isinstance(value, str) else [])


def expression_problems(expression: str, context: dict[str, set[str]]) -> list[str]:
    problems = []
    code = re.sub(r"'[^']*'", "''", expression)
    for name, call in re.findall(r"([A-Za-z_][\w-]*(?:\.[\w-]+)*)\s*(\(?)", code):
        if call:
            problems += [f"{name}(): no such function"] * (name not in FUNCTIONS)
        elif name not in ("true", "false", "null"):
            parts = name.split(".")
            for depth in range(1, len(parts)):
                room = ".".join(parts[:depth])
                if (room in context or depth == 1) and parts[depth] not in context.get(room, ()):
                    problems.append(f"{name}: unknown")
            problems += [f"{name}: unknown"] * (len(parts) == 1)
    for pattern in re.findall(r"hashFiles\('([^']*)'\)", expression):
        problems += [f"hashFiles: no file is like {pattern}"] * (not list(ROOT.glob(pattern)))
    return problems


def problems(text: str) -> list[str]:
    """All that is wrong with a workflow, beyond what the schema says."""
    workflow = parse(text)
    top = {key: value for key, value in workflow.items() if key != "jobs"}
    found = [problem for part in expressions(top) for problem in expression_problems(part, KNOWN)]
    for job in workflow["jobs"].values():
        matrix = set(job.get("strategy", {}).get("matrix", {}))
        outputs: dict[str, set[str]] = {}
        context = KNOWN | {
            "matrix": matrix,
            "steps": set(),
            "env": set(workflow.get("env", {})) | set(job.get("env", {})),
        }
        around = {key: value for key, value in job.items() if key != "steps"}
        found += [problem for part in expressions(around) for problem in expression_problems(part, context)]
        found += ["a job without timeout-minutes"] * ("timeout-minutes" not in job)
        actions: list[str] = []
        written: set[str] = set()
        for step in job["steps"]:
            found += [problem for part in expressions(step) for problem in expression_problems(part, context | outputs)]
            script = step.get("run", "")
            commands, files = simple_commands(script)
            written |= files
            for words in commands:
                found += command_problems(words, actions) + file_problems(words, written)
            found += variable_problems(script, context["env"] | set(step.get("env", {})))
            action = step.get("uses", "")
            if action and not re.fullmatch(r"[\w-]+(/[\w-]+)+@v\d+(\.\d+)*", action):
                found.append(f"{action}: not pinned to a version")
            listed = step.get("with", {}).get("cache-dependency-path", "")
            found += [f"{path}: no such file" for path in listed.split() if not (ROOT / path).is_file()]
            actions.append(action)
            if "id" in step:
                context["steps"].add(step["id"])
                outputs[f"steps.{step['id']}"] = {"outcome", "conclusion", "outputs"}
    return found


def fits_schema(path: Path) -> subprocess.CompletedProcess:
    command = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_fits_the_published_schema(name: str) -> None:
    result = fits_schema(FOLDER / name)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_command_file_variable_and_expression_exists(name: str) -> None:
    assert problems(read(name)) == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_script_is_valid_shell(name: str) -> None:
    for job in parse(read(name))["jobs"].values():
        for step in job["steps"]:
            result = subprocess.run(["bash", "-n"], input=step.get("run", ""), capture_output=True, text=True)
            assert result.returncode == 0, result.stderr


BREAKS = {
    "a target": ("ci.yml", "make demo", "make dmeo", "make dmeo: no such target"),
    "a subcommand": ("reproduce.yml", "dvc metrics diff", "dvc metrics dif", "dvc metrics dif: no such subcommand"),
    "an option": ("reproduce.yml", "diff --md", "diff --markdown", "dvc metrics diff --markdown: no such option"),
    "a script": ("reproduce.yml", "stages/summary.py", "stages/sumary.py", "python stages/sumary.py: no such file"),
    "a program": ("reproduce.yml", "run: dvc repro", "run: dcv repro", "dcv: no such program"),
    "a file": ("reproduce.yml", "cat report.md", "cat raport.md", "raport.md: no such file"),
    "a lock file": ("ci.yml", "requirements.lock", "requirements.txt", "requirements.txt: no such file"),
    "a variable": ("reproduce.yml", "BASE: origin", "TRUNK: origin", "$BASE: set nowhere"),
    "the action": (
        "reproduce.yml",
        "iterative/setup-cml@v2",
        "iterative/setup-tpi@v2",
        "cml: no earlier step installs it",
    ),
    "a pin": (
        "ci.yml",
        "actions/checkout@v6",
        "actions/checkout@main",
        "actions/checkout@main: not pinned to a version",
    ),
    "a matrix": ("ci.yml", "matrix.python", "matrix.pyhton", "matrix.pyhton: unknown"),
    "a step": ("reproduce.yml", "id: report", "id: raport", "steps.report.outcome: unknown"),
    "an outcome": ("reproduce.yml", "repro.outcome", "repro.outcom", "steps.repro.outcom: unknown"),
    "a context": ("reproduce.yml", "github.base_ref", "github.baseref", "github.baseref: unknown"),
    "a setting": ("reproduce.yml", "vars.GPU_RUNNER", "vars.GPU", "vars.GPU: unknown"),
    "a function": ("ci.yml", "!cancelled()", "!canceled()", "canceled(): no such function"),
    "a timeout": ("ci.yml", "    timeout-minutes: 60\n", "", "a job without timeout-minutes"),
    "an injection": ("reproduce.yml", '--md "$BASE"', '--md "${{ github.ref }}"', "an expression inside a script"),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_mistake_in_a_workflow_is_found(kind: str) -> None:
    name, right, wrong, expected = BREAKS[kind]
    assert right in read(name)
    assert any(problem.startswith(expected) for problem in problems(read(name).replace(right, wrong)))


def test_a_misspelt_key_does_not_fit_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "ci.yml"
    path.write_text(read("ci.yml").replace("runs-on:", "run-on:"))
    assert fits_schema(path).returncode != 0


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
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert workflow["env"]["DIGITREC_DEVICE"] == "auto"
    steps = workflow["jobs"]["reproduce"]["steps"]
    assert [step["with"]["fetch-depth"] for step in steps if step.get("uses", "").startswith("actions/checkout@")] == [
        0
    ]


def test_a_fork_gets_neither_the_gpu_machine_nor_a_token() -> None:
    job = parse(read("reproduce.yml"))["jobs"]["reproduce"]
    # `a && b || c` is GitHub's "if a then b else c".
    assert "pull_request.head.repo.fork && 'ubuntu-latest' || vars.GPU_RUNNER || 'ubuntu-latest'" in job["runs-on"]
    for step in job["steps"]:
        if "cml" in step.get("uses", "") + step.get("run", ""):
            assert "head.repo.full_name == github.repository" in step["if"] or "steps.cml.outcome" in step["if"]
            assert step["continue-on-error"] is True


def test_finished_fits_are_kept_for_the_next_run_also_when_this_one_fails() -> None:
    steps = parse(read("reproduce.yml"))["jobs"]["reproduce"]["steps"]
    [restore] = [step for step in steps if step.get("uses", "").startswith("actions/cache/restore@")]
    [save] = [step for step in steps if step.get("uses", "").startswith("actions/cache/save@")]
    assert restore["with"]["path"].split() == save["with"]["path"].split() == ["data/cache", ".dvc/cache"]
    assert restore["with"]["key"] == save["with"]["key"]
    assert restore["with"]["key"].startswith(restore["with"]["restore-keys"])
    assert "always()" in save["if"]


@pytest.fixture
def pull_request(pipeline: Pipeline) -> Pipeline:
    """A finished run in a repository whose main branch has an earlier one."""
    shutil.copytree(ROOT / ".github", pipeline.folder / ".github")
    pipeline.run("dvc", "config", "core.no_scm", "false")
    (pipeline.folder / ".gitignore").write_text("/data/\n__pycache__/\n")
    (pipeline.folder / ".dvc/.gitignore").write_text("/tmp\n/cache\n")
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "core.hooksPath="]
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        ["commit", "-qm", "start"],
        ["switch", "-qc", "change"],
    ):
        pipeline.run("git", *identity, *command)
    pipeline.change_params(lambda params: params.update(lr=0.002, max_epochs=4))
    return pipeline


def report_of(pipeline: Pipeline, outcome: str) -> tuple[str, str]:
    """Run the workflow's own script, as GitHub runs it; its summary and its comment."""
    steps = parse(read("reproduce.yml"))["jobs"]["reproduce"]["steps"]
    [script] = [step["run"] for step in steps if step.get("id") == "report"]
    summary = pipeline.folder / "summary.md"
    pipeline.run("bash", "-e", "-c", script, BASE="main", OUTCOME=outcome, GITHUB_STEP_SUMMARY=str(summary))
    return summary.read_text(), (pipeline.folder / "report.md").read_text()


def test_the_report_shows_what_a_pull_request_changes(pull_request: Pipeline) -> None:
    pull_request.run("dvc", "repro")
    summary, comment = report_of(pull_request, "success")
    assert "dvc repro against main: success" in summary
    assert "McNemar" in summary
    assert re.search(r"\| params.yaml +\| max_epochs +\| 3 +\| 4 +\|", summary)
    assert re.search(r"\| metrics/train_final.json +\| epochs +\| 3 +\| 4 +\| 1 +\|", summary)
    assert summary.count("```mermaid") == 2
    # The earlier run of three epochs is drawn beside this one of four.
    for line in re.findall(r"line \[(.*)\]", summary):
        assert len(line.split(",")) == 4
    assert "Pictures that changed: calibration, compare_baselines, confusion" in summary
    assert "![" not in summary
    assert comment.startswith(summary)
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", comment)
    assert "base_plots/history.png" in pictures
    assert "plots/history.png" in pictures
    for path in pictures:
        assert (pull_request.folder / path).read_bytes().startswith(b"\x89PNG")
    assert (pull_request.folder / "plots_diff/index.html").exists()


def test_a_run_that_failed_is_reported_too(pull_request: Pipeline) -> None:
    pull_request.change_params(lambda params: params.update(lr=1e30))
    pull_request.run("dvc", "repro", ok=False)
    summary, _ = report_of(pull_request, "failure")
    assert "dvc repro against main: failure" in summary
    # The table would be that of an earlier run.
    assert "McNemar" not in summary
    assert "| lr " in summary
