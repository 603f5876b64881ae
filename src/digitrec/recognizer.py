"""The exported network in use: pixels in, calibrated probabilities out, without PyTorch."""

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NotImplemented,
)

from digitrec.artifacts import read_json
from digitrec.errors import ArtifactError, DigitrecError

ADVICE = "Name a folder that stage `export` wrote with --model, or run `dvc repro export` in the project to make it."


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
        except OSError as error:
            raise RecognizerError(f"{folder}: has no model that can be read ({error.strerror}). {ADVICE}") from error
        except ArtifactError as error:
            raise RecognizerError(f"{folder}: has no model that can be read ({error}) {ADVICE}") from error
        if not isinstance(self.description, dict):
            raise RecognizerError(f"{about}: holds no description of a model. {ADVICE}")
        missing = {"sha256", "threshold", "classes"} - set(self.description)
        if missing:
            raise RecognizerError(f"{about}: lacks {', '.join(sorted(missing))}. {ADVICE}")
        self.threshold, classes = self.description["threshold"], self.description["classes"]
        if not isinstance(self.threshold, int | float) or not 0 <= self.threshold <= 1:
            raise RecognizerError(
                f"{about}: threshold: got {self.threshold!r}, expected a number from 0 to 1. {ADVICE}"
            )
        if hashlib.sha256(content).hexdigest() != self.description["sha256"]:
            raise RecognizerError(
                f"{model}: its SHA-256 is not the one in {about.name}: it was cut short or belongs to another. {ADVICE}"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # What goes wrong is raised; it need not be logged as well.
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotImplemented, UnicodeDecodeError) as error:
            raise RecognizerError(f"{model}: is no network that ONNX Runtime reads ({error}). {ADVICE}") from error
        takes = [(part.name, part.type, part.shape[1:]) for part in self._session.get_inputs()]
        gives = [(part.type, part.shape[1:]) for part in self._session.get_outputs()]
        if takes != [("images", "tensor(uint8)", [28, 28])] or gives != [("tensor(float)", [classes])]:
            raise RecognizerError(
                f"{model}: is another kind of network, expected one from 28x28 uint8 pixels to {classes} "
                f"probabilities. {ADVICE}"
            )

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Give calibrated probabilities, float32 of shape (n, classes), for uint8 images (n, 28, 28), 255 = ink."""
        return self._session.run(None, {"images": images})[0]
