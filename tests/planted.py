"""What leaves a file behind if it is unpickled, in every form in which a file may hold it."""

import gzip
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import skops.io
import torch


class Planted:
    """Leaves a file behind when it is unpickled, or made from its state."""

    def __init__(self, path: Path):
        self.path = str(path)

    def __reduce__(self) -> tuple:
        return (Path.touch, (Path(self.path),))

    def __setstate__(self, state: dict) -> None:
        Path(state["path"]).touch()


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    content = io.BytesIO()
    write(content)
    return content.getvalue()


def _in_numpy(planted: Planted) -> np.ndarray:
    array = np.empty(1, object)
    array[0] = planted
    return array


def _in_yaml(planted: Planted) -> bytes:
    return f"papers: {{}}\nclaims: !!python/object/apply:os.mkdir ['{planted.path}']\n".encode()


FORMS: dict[str, Callable[[Planted], bytes]] = {
    "pickle": pickle.dumps,
    "pickle in letters": lambda planted: pickle.dumps(planted, 0),
    "packed pickle": lambda planted: gzip.compress(pickle.dumps(planted)),
    "joblib": lambda planted: _written(lambda file: joblib.dump(planted, file)),
    "npy": lambda planted: _written(lambda file: np.save(file, _in_numpy(planted))),
    "npz": lambda planted: _written(lambda file: np.savez(file, _in_numpy(planted))),
    "torch": lambda planted: _written(lambda file: torch.save({"module": planted}, file)),
    "torch before 1.6": lambda planted: _written(
        lambda file: torch.save({"module": planted}, file, _use_new_zipfile_serialization=False)
    ),
    "skops": lambda planted: _written(lambda file: skops.io.dump(planted, file)),
    "yaml": _in_yaml,
}
