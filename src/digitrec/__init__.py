"""What a person's own script would use; each is imported when it is first asked for.

>>> from digitrec import Recognizer
>>> recognizer = Recognizer()  # The project's own model, or the one that comes with the package.
>>> recognizer.classes
('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitrec.estimator import DigitClassifier
    from digitrec.reading.recognizer import Recognizer
    from digitrec.spec import ImageSpec, TrainingSpec
    from digitrec.training.checkpoints import load_checkpoint
    from digitrec.training.classifier import ImageClassifier

# ONNX Runtime would report to its maker and keep a number of this machine in the home folder. It looks when it is
# imported, and whatever of this package imports it has come by here.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = ["DigitClassifier", "ImageClassifier", "ImageSpec", "Recognizer", "TrainingSpec", "load_checkpoint"]

EXTRA = "pip install 'digitrec[train]', with which training and figures come"

# As strings, so that no module of the package depends on these because it lies in the package.
_PLACES = {
    "DigitClassifier": "digitrec.estimator",
    "ImageClassifier": "digitrec.training.classifier",
    "ImageSpec": "digitrec.spec",
    "Recognizer": "digitrec.reading.recognizer",
    "TrainingSpec": "digitrec.spec",
    "load_checkpoint": "digitrec.training.checkpoints",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'digitrec' has no attribute '{name}'")
    try:
        return getattr(import_module(_PLACES[name]), name)
    except ModuleNotFoundError as error:
        raise ImportError(f"digitrec.{name} needs {error.name}: {EXTRA}") from error


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
