"""Trained networks on disk: weights as safetensors, what they are and were made with as JSON beside them."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from digitrec.errors import ArtifactError, CheckpointError, ParamsError
from digitrec.pipeline.files import read_array, read_json, replacing, write_array, write_json
from digitrec.spec import DatasetSpec, Spec, TrainingSpec, mistakes_of
from digitrec.training.network import Network, build_network


class Checkpoint(NamedTuple):
    """A trained network and all that is known of it.

    Attributes
    ----------
    network : Network
        In evaluation mode.
    dataset : DatasetSpec
        What it was trained on.
    training : TrainingSpec
        How it was trained.
    valid_rows : array
        Rows of the training images that were held out, int64 of shape (n_valid,).
    """

    network: Network
    dataset: DatasetSpec
    training: TrainingSpec
    valid_rows: np.ndarray


class _Description(Spec):
    dataset: DatasetSpec
    training: TrainingSpec
    sha256: str


def save_checkpoint(
    path: Path, network: Network, dataset: DatasetSpec, training: TrainingSpec, valid_rows: np.ndarray
) -> None:
    """Write `path` (`.safetensors`) and, beside it, `.json` and `_valid_rows.npy`; see `Checkpoint`."""
    weights = save({key: value.detach().cpu().contiguous() for key, value in network.layers.state_dict().items()})
    with replacing(path) as temporary:
        temporary.write_bytes(weights)
    rows = np.asarray(valid_rows, np.int64)
    write_array(_rows_path(path), rows)
    description = _Description(dataset=dataset, training=training, sha256=_sha256(weights, rows, dataset, training))
    write_json(path.with_suffix(".json"), description.model_dump(mode="json"))


def load_checkpoint(path: Path, device: str = "cpu") -> Checkpoint:
    """Read a trained network.

    Parameters
    ----------
    path : Path
        The `.safetensors` file that `save_checkpoint` wrote, the others beside it.
    device : str
        Where the network goes.

    Raises
    ------
    CheckpointError
        When a file is missing, damaged, or of another network.
    """
    about = path.with_suffix(".json")
    try:
        found, weights, valid_rows = read_json(about), path.read_bytes(), np.array(read_array(_rows_path(path)))
    except (ArtifactError, OSError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}). {_advice(path)}") from error
    description = _description(found, about)
    training = description.training
    if _sha256(weights, valid_rows, description.dataset, training) != description.sha256:
        raise CheckpointError(
            f"{path}: its SHA-256, with the files beside it, is not the one in {about.name}: "
            f"one was cut short, damaged or belongs to another checkpoint. {_advice(path)}"
        )
    try:
        network = build_network(
            training.model, training.architecture, description.dataset.image, training.normalization
        )
        network.layers.load_state_dict(load(weights))
    except (SafetensorError, RuntimeError, ImportError, ParamsError) as error:
        reason = "; ".join(error.mistakes) if isinstance(error, ParamsError) else str(error)
        raise CheckpointError(
            f"{path}: does not fit the network '{training.model}' ({' '.join(reason.split())}). {_advice(path)}"
        ) from error
    return Checkpoint(network.to(device).eval(), description.dataset, training, valid_rows)


def _advice(path: Path) -> str:
    # `dvc repro` alone may take the files for unchanged, by their sizes and times.
    return f"Remove {path.with_suffix('')}* and run `dvc repro` to have it anew."


def _sha256(weights: bytes, rows: np.ndarray, dataset: DatasetSpec, training: TrainingSpec) -> str:
    about = [dataset.model_dump(mode="json"), training.model_dump(mode="json"), str(rows.dtype), rows.shape]
    return hashlib.sha256(weights + rows.tobytes() + json.dumps(about).encode()).hexdigest()


def _rows_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}_valid_rows.npy")


def _description(found: Any, about: Path) -> _Description:
    try:
        return _Description.model_validate(found)
    except ValidationError as error:
        raise CheckpointError(f"{about}: describes no network ({mistakes_of(error)}). {_advice(about)}") from error
