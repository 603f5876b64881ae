"""stages/run.sh: the Python that runs DVC runs the stages, in whichever way somebody starts it."""

import os
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import ROOT, heed_interrupts

DVC = str(Path(sys.executable).parent / "dvc")
WHO = "import os, sys; print(sys.executable, os.environ['PYTHONPATH'], *sys.argv[1:], sep='|')\n"
PIPELINE = "stages: {who: {cmd: sh stages/run.sh stages/who.py a 'b c' > told, deps: [stages/who.py], outs: [told]}}\n"
STAGE = ["sh", "stages/run.sh", "stages/who.py"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A DVC project in a path with spaces, whose one stage tells what runs it."""
    folder = tmp_path / "my own project"
    (folder / "stages").mkdir(parents=True)
    (folder / "src").mkdir()
    shutil.copy(ROOT / "stages/run.sh", folder / "stages")
    (folder / "stages/who.py").write_text(WHO)
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    # What every system has, but for Python.
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "bash", "cat", "dirname", "head", "ps", "sed", "tr"):
        (tools / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    return folder


def _environment(project: Path, **more: str) -> dict[str, str]:
    """No Python in sight, as in a shell where nothing is activated."""
    return {"PATH": str(project.parent / "tools"), "HOME": str(project.parent), "SHELL": "/bin/sh"} | more


def _own_environment(project: Path) -> dict[str, str]:
    """The Python of these tests in sight."""
    return _environment(project, PATH=f"{Path(sys.executable).parent}{os.pathsep}{project.parent / 'tools'}")


def _told(project: Path, command: list[str], **more: str) -> list[str]:
    environment = _environment(project, **more)
    result = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return (project / "told").read_text().rstrip("\n").split("|")


def _another_environment(folder: Path) -> Path:
    """An environment of its own that sees the libraries of this one; its Python."""
    venv.create(folder, symlinks=True)
    [site] = folder.glob("lib/python3*/site-packages")
    [here] = [path for path in sys.path if path.endswith("site-packages")][:1]
    (site / "here.pth").write_text(here + "\n")
    return folder / "bin/python"


@pytest.mark.slow
@pytest.mark.parametrize("command", [[DVC, "repro"], [sys.executable, "-m", "dvc", "repro"]], ids=["dvc", "-m dvc"])
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_without_an_activated_environment_stages_run_in_that_of_dvc(
    project: Path, command: list[str], shell: str
) -> None:
    python, path, *arguments = _told(project, command, SHELL=shell)
    assert Path(python).parent == Path(sys.executable).parent
    assert (path, arguments) == (str(project / "src"), ["a", "b c"])


@pytest.mark.slow
@pytest.mark.parametrize("relative", [False, True])
def test_an_environment_in_a_path_with_spaces_is_found(project: Path, relative: bool) -> None:
    python = _another_environment(project / ".my venv")
    typed = str(python.relative_to(project)) if relative else str(python)
    assert _told(project, [typed, "-m", "dvc", "repro"])[0] == str(python)


@pytest.mark.slow
def test_another_environment_that_is_activated_does_not_take_the_stages_over(project: Path) -> None:
    other = _another_environment(project.parent / "other")
    path = f"{other.parent}{os.pathsep}{project.parent / 'tools'}"
    python = _told(project, [DVC, "repro"], PATH=path, VIRTUAL_ENV=str(other.parents[1]))[0]
    assert Path(python).parent == Path(sys.executable).parent


def test_a_dvc_from_elsewhere_leaves_the_stages_to_the_activated_or_the_projects_environment(project: Path) -> None:
    venv.create(project.parent / "elsewhere", symlinks=True)
    start = "import subprocess, sys; sys.exit(subprocess.call(['sh', 'stages/run.sh', 'stages/who.py']))"

    def run(**more: str) -> subprocess.CompletedProcess:
        # As a DVC would that was installed apart, without the libraries that stages need.
        command = [str(project.parent / "elsewhere/bin/python"), "-c", start]
        return subprocess.run(command, cwd=project, env=_environment(project, **more), capture_output=True, text=True)

    own = _another_environment(project / ".venv")
    activated = _another_environment(project.parent / "activated")
    assert run().stdout.split("|")[0] == str(own)
    assert run(VIRTUAL_ENV=str(activated.parents[1])).stdout.split("|")[0] == str(activated)
    shutil.rmtree(own.parents[1])
    refused = run()
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: no Python with torch and skorch here: `make install` makes one")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_reach_the_stage_itself(project: Path, kind: signal.Signals) -> None:
    (project / "stages/who.py").write_text("import time; print('here', flush=True); time.sleep(60)")
    process = subprocess.Popen(
        STAGE, cwd=project, env=_own_environment(project), stdout=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.send_signal(kind)
    # Python ends itself by the signal that interrupts it.
    assert process.wait(timeout=30) == -kind


@pytest.mark.slow
def test_a_file_in_the_projects_folder_is_not_taken_for_a_library(project: Path) -> None:
    (project / "colorsys.py").write_text("raise SystemExit('mine')\n")
    (project / "stages/who.py").write_text(f"import colorsys\n{WHO}")
    assert _told(project, [DVC, "repro"])[2:] == ["a", "b c"]


def test_libraries_tell_nothing_of_what_a_stage_leaves_to_them_at_its_end(project: Path) -> None:
    # The export to ONNX imports it, and it lists what of its own is still there at the end.
    pytest.importorskip("triton")
    (project / "stages/who.py").write_text("import triton\n")
    result = subprocess.run(
        STAGE, cwd=project, env=_own_environment(project), capture_output=True, text=True, check=True
    )
    assert (result.stdout, result.stderr) == ("", "")
