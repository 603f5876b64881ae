"""What is read is data: whatever lies in a file, nothing of it is run."""

import gzip
import hashlib
import importlib
import io
import json
import pickle
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
import torch
import yaml

from digitrec.baselines._kept import load_baseline
from digitrec.config.params import known_names, load_params
from digitrec.data.dataset import read_dataset_spec
from digitrec.data.folder_listing import list_folder
from digitrec.data.idx import load_idx, md5_files
from digitrec.errors import DigitrecError
from digitrec.pipeline.files import read_array, read_csv, read_json
from digitrec.reading.decoding import decode
from digitrec.reading.exported import ExportedNetwork
from digitrec.reproduction.claims import load_claims, load_papers
from digitrec.reproduction.systems import load_systems
from digitrec.search.journal import Journal
from digitrec.training.checkpoints import load_checkpoint, save_checkpoint
from digitrec.training.network import build_network
from digitrec.training.resume import ResumeFrom
from tests.exported import SHADES, description, mean_network
from tests.planted import FORMS, Planted
from tests.tiny import DATASET, IMAGE, NORMALIZATION, ROOT, SMALL_MLP, small_classifier, small_training, some_digits


def _file(load: Callable[[Path], object], name: str) -> Callable[[Path, bytes], object]:
    def put_and_load(folder: Path, content: bytes) -> object:
        (folder / name).write_bytes(content)
        return load(folder / name)

    return put_and_load


def _weights(folder: Path, content: bytes) -> object:
    return _checkpoint(folder, "final.safetensors", content)


def _checkpoint(folder: Path, name: str, content: bytes) -> object:
    """One of a checkpoint's files in place of its own, and described rightly."""
    path = folder / "final.safetensors"
    network = build_network("mlp", SMALL_MLP, IMAGE, NORMALIZATION)
    save_checkpoint(path, network, DATASET, small_training(), np.arange(3))
    (folder / name).write_bytes(content)
    if name == path.name:
        about = json.loads(path.with_suffix(".json").read_text())
        path.with_suffix(".json").write_text(json.dumps(about | {"sha256": hashlib.sha256(content).hexdigest()}))
    return load_checkpoint(path)


def _export(folder: Path, name: str, content: bytes) -> object:
    """One of an exported model's files in place of its own, and described rightly."""
    contents = {"model.onnx": mean_network(SHADES), "reader.onnx": mean_network(SHADES)} | {name: content}
    about = description(contents["model.onnx"], SHADES)
    about["reader_sha256"] = hashlib.sha256(contents["reader.onnx"]).hexdigest()
    contents.setdefault("model.json", json.dumps(about).encode())
    for each, own in contents.items():
        (folder / each).write_bytes(own)
    return ExportedNetwork(folder)


def _state(folder: Path, content: bytes) -> object:
    (folder / "state.pt").write_bytes(content)
    settings = {"architecture": {"hidden_1": 2, "hidden_2": 2}, "max_epochs": 1}
    resume = ("resume", ResumeFrom(folder / "state.pt"))
    return small_classifier(**settings, callbacks=[resume]).fit(*some_digits(40))


def _idx(folder: Path, content: bytes) -> object:
    (folder / "images").write_bytes(content)
    return load_idx(lambda file: folder / file.name, md5_files((), {"images": ""}))


def _pictures(folder: Path, content: bytes) -> object:
    (folder / "labels.csv").write_bytes(content)
    return list_folder(folder)


# Puts content where something is read, and reads it.
LOADERS: dict[str, Callable[[Path, bytes], object]] = {
    "array": _file(lambda path: np.array(read_array(path)), "images.npy"),
    "JSON": _file(read_json, "metrics.json"),
    "CSV": _file(read_csv, "table.csv"),
    "description of a dataset": _file(read_dataset_spec, "dataset.json"),
    "params.yaml": _file(load_params, "params.yaml"),
    "params.yaml of systems": _file(load_systems, "params.yaml"),
    "claims.yaml": _file(lambda path: load_claims(path, {}), "claims.yaml"),
    "papers in claims.yaml": _file(load_papers, "claims.yaml"),
    "journal": _file(Journal, "gridsearch.jsonl"),
    "baseline": _file(load_baseline, "model.skops"),
    "weights": _weights,
    "description of weights": lambda folder, content: _checkpoint(folder, "final.json", content),
    "rows of a checkpoint": lambda folder, content: _checkpoint(folder, "final_valid_rows.npy", content),
    "state of a training": _state,
    "exported network": lambda folder, content: _export(folder, "model.onnx", content),
    "exported reader": lambda folder, content: _export(folder, "reader.onnx", content),
    "description of an exported network": lambda folder, content: _export(folder, "model.json", content),
    "IDX": _idx,
    "packed IDX": lambda folder, content: _idx(folder, gzip.compress(content)),
    "labels of pictures": _pictures,
    "picture": lambda folder, content: decode(content, "picture"),
}
# Where src/ calls what reads a file that may hold more than text or pixels. What it is handed is tried above, or below
# for what a dataset's source reads. Messages between the machines of a cluster are pickled, see docs/security.md.
CALLS = {
    "baselines/_kept.py": {"load(", "json.loads("},
    "config/yaml.py": {"yaml.load("},
    "data/sources/semeion.py": {"loadtxt("},
    "data/sources/svhn.py": {"loadmat("},
    "data/sources/usps.py": {"load_svmlight_file("},
    "pipeline/cluster.py": {"pickle.loads"},
    "pipeline/files.py": {"json.loads(", "np.load("},
    # Each file by its MD5 first.
    "pipeline/verification.py": {"json.loads(", "yaml.load("},
    "reading/exported.py": {"InferenceSession("},
    "reading/many.py": {"json.loads("},
    "reproduction/claims.py": {"yaml.load("},
    "search/journal.py": {"json.loads("},
    "training/checkpoints.py": {"load("},
    "training/resume.py": {"torch.load("},
}
CALL = re.compile(
    r"(?<!def )\b(?:InferenceSession|genfromtxt|fromregex|loadtxt|loadmat|load_\w+_file)\("
    r"|(?<!\.)\b(?:np|torch|yaml)\.load\(|(?<![.\w])(?<!def )load\(|\bjson\.loads?\("
    r"|\b(?:pickle|marshal|shelve|dill|cloudpickle|joblib)\.(?:loads?|open)\b"
    r"|(?<![.\w])(?:eval|exec|literal_eval)\("
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loader", LOADERS)
def test_nothing_in_a_file_is_run(tmp_path: Path, loader: str, form: str) -> None:
    left_behind, folder = tmp_path / "left behind", tmp_path / "folder"
    folder.mkdir()
    with suppress(DigitrecError):
        LOADERS[loader](folder, FORMS[form](Planted(left_behind)))
    assert not left_behind.exists()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("source", known_names("data/sources"))
def test_nothing_in_a_published_file_is_run(tmp_path: Path, source: str, form: str) -> None:
    left_behind, file = tmp_path / "left behind", tmp_path / "file"
    file.write_bytes(FORMS[form](Planted(left_behind)))
    # A source is handed what has the published checksum: of anything else it may say what it likes.
    with suppress(Exception):
        importlib.import_module(f"digitrec.data.sources.{source}").load(lambda _: file)
    assert not left_behind.exists()


@pytest.mark.parametrize("form", FORMS)
def test_what_is_planted_does_run_where_nobody_looks(tmp_path: Path, form: str) -> None:
    content = FORMS[form](Planted(tmp_path / "left behind"))
    file = io.BytesIO(content)
    careless: dict[str, Callable[[], object]] = {
        "packed pickle": lambda: pickle.loads(gzip.decompress(content)),
        "joblib": lambda: joblib.load(file),
        "npy": lambda: np.load(file, allow_pickle=True),
        "npz": lambda: np.load(file, allow_pickle=True)["arr_0"],
        "torch": lambda: torch.load(file, weights_only=False),
        "torch before 1.6": lambda: torch.load(file, weights_only=False),
        "skops": lambda: skops.io.load(file, trusted=skops.io.get_untrusted_types(data=content)),
        "yaml": lambda: yaml.unsafe_load(content),
    }
    careless.get(form, lambda: pickle.loads(content))()
    assert (tmp_path / "left behind").exists()


def test_every_call_that_reads_a_file_is_among_those_that_were_looked_at() -> None:
    package = ROOT / "src/digitrec"
    found = {
        path.relative_to(package).as_posix(): set(CALL.findall(path.read_text(encoding="utf-8")))
        for path in sorted(package.rglob("*.py"))
    }
    assert {name: calls for name, calls in found.items() if calls} == CALLS
