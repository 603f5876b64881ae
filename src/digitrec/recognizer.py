"""The exported network in use: pixels in, calibrated probabilities out, without PyTorch."""

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf

from digitrec.artifacts import read_json
from digitrec.errors import ArtifactError, DigitrecError

ADVICE = "Run `dvc repro export` to make it anew."


class RecognizerError(DigitrecError):
    """An exported network that is missing, damaged or no such thing."""


class Recognizer:
    """A network that stage `export` wrote.

    Parameters
    ----------
    folder : Path
        That holds `model.onnx` and `model.json`.
    threads : int
        That one call may use.

    Attributes
    ----------
    description : dict
        What `model.json` says: model, dataset, classes, temperature, threshold and more.
    threshold : float
        Answers less probable than this are better not given.

    Raises
    ------
    RecognizerError
        When a file is missing, damaged, or not one that stage `export` wrote.
    """

    def __init__(self, folder: Path, threads: int = 1):
        model, about = folder / "model.onnx", folder / "model.json"
        try:
            content, self.description = model.read_bytes(), read_json(about)
        except (OSError, ArtifactError) as error:
            raise RecognizerError(f"{folder}: has no model that can be read ({error}). {ADVICE}") from error
        missing = {"sha256", "threshold", "classes"} - set(self.description)
        if missing:
            raise RecognizerError(f"{about}: lacks {', '.join(sorted(missing))}. {ADVICE}")
        if hashlib.sha256(content).hexdigest() != self.description["sha256"]:
            raise RecognizerError(
                f"{model}: its SHA-256 is not the one in {about.name}: it was cut short or belongs to another. {ADVICE}"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.threshold = float(self.description["threshold"])
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except (Fail, InvalidProtobuf, InvalidGraph) as error:
            raise RecognizerError(f"{model}: is no network that ONNX Runtime reads ({error}). {ADVICE}") from error

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Give calibrated probabilities, float32 of shape (n, classes), for uint8 images (n, 28, 28), 255 = ink."""
        return self._session.run(None, {"images": images})[0]
