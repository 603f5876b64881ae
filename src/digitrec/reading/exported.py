"""The exported network in use: pixels in, calibrated probabilities out, without PyTorch."""

import hashlib
import reprlib
from collections.abc import Callable
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
from digitrec.spec import DatasetSpec, ImageSpec, Spec, TrainingSpec

ADVICE = "Name a folder that stage `export` wrote with --model, or run `dvc repro export` in the project to make it."
INPUT, OUTPUT = "images", "probabilities"
# What is none of the classes is so many times rarer where people ask than among the reader's examples: of 10, 20 and 50
# the one with which most composed pages (seeds below 116) are exact.
RARER = 50.0
# Images that go through the network at a time: what lies between its layers must fit in memory.
BATCH = 500


class ModelError(DigitrecError):
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
    # Of `model.onnx`, and of `reader.onnx` where there is one: it also answers that something is no digit.
    sha256: str
    reader_sha256: str | None = None


class ExportedNetwork:
    """A network that stage `export` wrote.

    Parameters
    ----------
    folder : Path
        That holds `model.onnx` and `model.json`, and `reader.onnx` where there is such a network.
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
    refuses : bool
        Whether it can tell that an image shows none of the classes: all probabilities are then low.

    Raises
    ------
    ModelError
        When a file is missing, damaged, or not one that stage `export` wrote.
    """

    def __init__(self, folder: Path, threads: int = 1):
        model, about = folder / "model.onnx", folder / "model.json"
        try:
            content, text = model.read_bytes(), about.read_bytes()
        except OSError as error:
            raise ModelError(f"{folder}: has no model that can be read ({error.strerror}). {ADVICE}") from error
        self.description = _description(about, text)
        self.image, self.threshold = self.description.dataset.image, self.description.threshold
        self.classes = self.image.classes
        self._session = _session(model, content, self.description.sha256, threads)
        _check(model, self._session, self.image, len(self.classes))
        self._reader = None
        if self.description.reader_sha256:
            reader = folder / "reader.onnx"
            try:
                content = reader.read_bytes()
            except OSError as error:
                raise ModelError(f"{reader}: cannot be read ({error.strerror}). {ADVICE}") from error
            self._reader = _session(reader, content, self.description.reader_sha256, threads)
            _check(reader, self._reader, self.image, len(self.classes) + 1)
        self.refuses = self._reader is not None
        self._folder = folder

    def check_reads(self, what: str) -> None:
        """Refuse to read pages where the network takes each picture as a whole.

        Parameters
        ----------
        what : str
            Asked for it.

        Raises
        ------
        DigitrecError
            When it does.
        """
        if self.image.preparation != "mnist":
            raise DigitrecError(
                f"{what} looks for signs written on paper, and the model in {self._folder}, trained on "
                f"{self.description.dataset.name}, takes each image as a whole: use `digitrec predict` without --line"
            )

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Give probabilities, float32 of shape (n, classes), for uint8 (n, height, width, channels).

        What is missing to 1 in all is the probability that an image shows none of the classes.
        """
        return self._in_batches(self._joined, images)

    def alone(self, images: np.ndarray) -> np.ndarray:
        """Give the final network's calibrated probabilities without the reader's, of the same shapes."""
        return self._in_batches(self._final, images)

    def _in_batches(self, answer: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
        if len(images) <= BATCH:
            return answer(images)
        return np.concatenate([answer(images[start : start + BATCH]) for start in range(0, len(images), BATCH)])

    def _final(self, images: np.ndarray) -> np.ndarray:
        return self._session.run(None, {INPUT: images})[0]

    def _joined(self, images: np.ndarray) -> np.ndarray:
        answers = self._final(images)
        return answers if self._reader is None else joined(answers, self._reader.run(None, {INPUT: images})[0])


def joined(answers: np.ndarray, reader: np.ndarray) -> np.ndarray:
    """Put two networks' answers together.

    Parameters
    ----------
    answers : array
        Probabilities of the classes, floats of shape (n, classes).
    reader : array
        Probabilities of the classes and of none of them, floats of shape (n, classes + 1).

    Returns
    -------
    array
        float32 of shape (n, classes): the mean of what both say of the classes, times the probability of any of them.
    """
    any_class = 1 - reader[:, -1:]
    classes = (answers + reader[:, :-1] / np.maximum(any_class, 1e-9)) / 2
    return (classes * (any_class * RARER / (any_class * RARER + reader[:, -1:]))).astype(np.float32)


def _session(path: Path, content: bytes, sha256: str, threads: int) -> onnxruntime.InferenceSession:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(
            f"{path}: its SHA-256 is not the one in model.json: it was cut short or belongs to another. {ADVICE}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # What goes wrong is raised; it need not be logged as well.
    options.log_severity_level = 4
    # Weights that lie in other files would be looked for in the current folder; below a file there is none.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path))
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotImplemented, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: is no network that ONNX Runtime reads ({error}). {ADVICE}") from error


def _check(path: Path, session: onnxruntime.InferenceSession, image: ImageSpec, n_answers: int) -> None:
    takes = [(part.name, part.type, part.shape[1:]) for part in session.get_inputs()]
    gives = [(part.type, part.shape[1:]) for part in session.get_outputs()]
    if (takes, gives) != ([(INPUT, "tensor(uint8)", list(image.shape))], [("tensor(float)", [n_answers])]):
        raise ModelError(
            f"{path}: is another kind of network, expected one from {image} uint8 pixels to "
            f"{n_answers} probabilities. {ADVICE}"
        )


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
        raise ModelError(f"{about}: holds no description of a model: {'; '.join(told)}. {ADVICE}") from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))
