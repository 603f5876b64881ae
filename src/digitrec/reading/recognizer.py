"""The exported network in use: pixels in, calibrated probabilities out, without PyTorch."""

import hashlib
import reprlib
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
from pydantic import Field, ValidationError

from digitrec.errors import DigitrecError
from digitrec.spec import DatasetSpec, Spec, TrainingSpec

ADVICE = "Name a folder that stage `export` wrote with --model, or run `dvc repro export` in the project to make it."
INPUT, OUTPUT = "images", "probabilities"
# Images that go through the network at a time: what lies between its layers must fit in memory.
BATCH = 500


class RecognizerError(DigitrecError):
    """An exported network that is missing, damaged or no such thing."""


class Exported(Spec):
    """What `model.json` says of the network beside it."""

    dataset: DatasetSpec
    training: TrainingSpec
    # What logits are divided by; inside the network.
    temperature: float = Field(gt=0)
    # Answers less probable than this are better not given.
    threshold: float = Field(ge=0, le=1)
    # Share of the test images that it answers rightly, a 95 % interval of that, and the counts behind it.
    accuracy: float = Field(ge=0, le=1)
    accuracy_ci95: list[float] = Field(min_length=2, max_length=2)
    errors: int = Field(ge=0)
    n: int = Field(ge=1)
    # Of `model.onnx`.
    sha256: str


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
    description : Exported
        What `model.json` says.
    image : ImageSpec
        What it takes: size, channels, preparation.
    classes : tuple of str
        Names of the classes, in the order of the probabilities.
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
            content, text = model.read_bytes(), about.read_bytes()
        except OSError as error:
            raise RecognizerError(f"{folder}: has no model that can be read ({error.strerror}). {ADVICE}") from error
        self.description = _description(about, text)
        self.image, self.threshold = self.description.dataset.image, self.description.threshold
        self.classes = self.image.classes
        if hashlib.sha256(content).hexdigest() != self.description.sha256:
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
        expected = [(INPUT, "tensor(uint8)", list(self.image.shape))], [("tensor(float)", [len(self.classes)])]
        if (takes, gives) != expected:
            raise RecognizerError(
                f"{model}: is another kind of network, expected one from {self.image} uint8 pixels to "
                f"{len(self.classes)} probabilities. {ADVICE}"
            )

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Give calibrated probabilities, float32 of shape (n, classes), for uint8 (n, height, width, channels)."""
        if len(images) <= BATCH:
            return self._session.run(None, {INPUT: images})[0]
        parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        return np.concatenate([self._session.run(None, {INPUT: part})[0] for part in parts])


def _description(about: Path, text: bytes) -> Exported:
    try:
        return Exported.model_validate_json(text)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_context=False)
        told = [
            f"{verb} {', '.join(_place(mistake['loc']) for mistake in mistakes if mistake['type'] == kind)}"
            for kind, verb in (("missing", "lacks"), ("extra_forbidden", "has the unknown"))
            if any(mistake["type"] == kind for mistake in mistakes)
        ]
        for mistake in mistakes:
            if mistake["type"] not in ("missing", "extra_forbidden"):
                where = f"{_place(mistake['loc'])}: " if mistake["loc"] else ""
                told.append(f"{where}got {reprlib.repr(mistake['input'])}, {mistake['msg']}")
        raise RecognizerError(f"{about}: holds no description of a model: {'; '.join(told)}. {ADVICE}") from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))
