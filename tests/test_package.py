"""The wheel, used where what only training needs is not installed."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, clone_of_the_work_tree
from tests.data.pictures import write_classes

pytestmark = pytest.mark.slow
DIGIT = ROOT / "tests/drawn/3_plain_003.png"
# Distributions whose modules are named otherwise, and what must not be needed either.
MODULES = {"scikit-learn": "sklearn", "scikit-image": "skimage", "opentsne": "openTSNE"}


@pytest.fixture(scope="session")
def wheel(once: Callable) -> Path:
    """A wheel built from the work tree, and the folder that an installer would make of it."""

    def build(folder: Path) -> None:
        clone_of_the_work_tree(folder / "clone")
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            folder,
            ".",
        ]
        subprocess.run([*command, "--quiet"], cwd=folder / "clone", check=True)
        (built,) = folder.glob("*.whl")
        zipfile.ZipFile(built).extractall(folder / "installed")
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        names = [entry.partition(">")[0] for extra in ("train", "cluster") for entry in extras[extra]]
        missing = [MODULES.get(name, name) for name in names]
        # Importing one of these fails as if it were not installed.
        (folder / "installed/sitecustomize.py").write_text(
            f"import sys\nsys.modules.update(dict.fromkeys({missing!r}))\n"
        )

    return once("wheel", build)


def _digitrec(wheel: Path, cwd: Path, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(wheel / "installed")} | more
    command = [sys.executable, "-c", "from digitrec.cli import main; main(prog_name='digitrec')", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_the_wheel_reads_digits_with_the_model_inside_and_without_torch(wheel: Path, tmp_path: Path) -> None:
    result = _digitrec(wheel, tmp_path, "predict", "--json", DIGIT)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)[0]["best"] == "3"


def test_it_says_which_model_that_is(wheel: Path, tmp_path: Path) -> None:
    told = _digitrec(wheel, tmp_path, "model").stdout
    about = json.loads((ROOT / "src/digitrec/pretrained/model.json").read_text())
    assert str(wheel / "installed/digitrec/pretrained") in told
    assert f"{about['errors']} errors in {about['n']:,}" in told
    # In a project, the project's is used.
    (tmp_path / "data").mkdir()
    (tmp_path / "data/export").symlink_to(ROOT / "src/digitrec/pretrained")
    assert _digitrec(wheel, tmp_path, "model").stdout.startswith("data/export: ")


def test_the_service_starts_with_it(wheel: Path, tmp_path: Path) -> None:
    result = _digitrec(wheel, tmp_path, "serve", "--help")
    assert "where there is none the pretrained one" in " ".join(result.stdout.split())
    code = "import digitrec.serve.server, digitrec.serve.app"
    environment = os.environ | {"PYTHONPATH": str(wheel / "installed")}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_what_it_lacks_is_one_line_that_says_how_to_get_it(wheel: Path, tmp_path: Path) -> None:
    result = _digitrec(wheel, tmp_path, "predict", DIGIT, "--show", "seen.png")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("error: this needs matplotlib")
    assert "pip install 'digitrec[train]'" in result.stderr
    environment = os.environ | {"PYTHONPATH": str(wheel / "installed")}
    code = "import digitrec; digitrec.ImageClassifier"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "ImportError: digitrec.ImageClassifier needs torch: pip install 'digitrec[train]'" in result.stderr


def test_many_pictures_are_answered_and_a_cluster_is_an_extra(wheel: Path, tmp_path: Path) -> None:
    result = _digitrec(wheel, tmp_path, "predict", DIGIT.parent, "--out", "answers")
    assert result.returncode == 0, result.stderr
    n = sum(1 for _ in DIGIT.parent.iterdir())
    assert result.stdout == f"answers: {n} images are answered\n"
    result = _digitrec(wheel, tmp_path, "predict", DIGIT, "--out", "others", DIGITREC_SCHEDULER="tcp://127.0.0.1:1")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "error: this needs distributed: pip install 'digitrec[cluster]'"


def test_a_folder_of_pictures_is_checked_as_the_projects_params_yaml_says(wheel: Path, tmp_path: Path) -> None:
    write_classes(tmp_path / "own", {"a": 10, "b": 10})
    result = _digitrec(wheel, tmp_path, "check", "own")
    assert result.returncode == 0, result.stderr
    # A fifth of each class is for the test.
    assert "read as 10x8 colour: 16 for training, 4 for the test" in result.stdout
