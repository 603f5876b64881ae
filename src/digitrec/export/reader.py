"""The reader, trained, scored together with the final network, and as a file beside it."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from digitrec.evaluation.calibration import probabilities_at
from digitrec.evaluation.inference import predict_logits
from digitrec.export.onnx import to_onnx, whole_network
from digitrec.reading.exported import joined
from digitrec.training.checkpoints import Checkpoint
from digitrec.training.reader import fit_reader, reader_image, refusal_scores, valid_examples


class Reader(NamedTuple):
    """A trained reader.

    Attributes
    ----------
    content : bytes
        The network as ONNX.
    metrics : dict
        As `digitrec.training.reader.refusal_scores` gives them.
    resume_state : Path
        To be removed once the results are safe.
    """

    content: bytes
    metrics: dict[str, Any]
    resume_state: Path


def make_reader(
    checkpoint: Checkpoint,
    images: np.ndarray,
    labels: np.ndarray,
    temperature: float,
    max_epochs: int,
    device: str,
    jobs: int,
    resume_folder: Path,
) -> Reader:
    """Train a reader on the images that the final network was trained on, and score both on those that it was not.

    Parameters
    ----------
    checkpoint : Checkpoint
        Of the final network.
    images, labels : array
        Of training and validation, uint8 of shape (n, 28, 28, 1) and integers of shape (n,).
    temperature : float
        What the final network's logits are divided by.
    max_epochs : int
        Passes over the reader's training images.
    device : str
    jobs : int
        Processes that draw examples.
    resume_folder : Path
        See `digitrec.training.fit.fit`.
    """
    image, training = checkpoint.dataset.image, checkpoint.training
    held_out = checkpoint.valid_rows
    known = np.setdiff1d(np.arange(len(labels)), held_out)
    reader, resume_state = fit_reader(
        images[known],
        labels[known],
        image,
        training.normalization,
        max_epochs,
        training.seed,
        device,
        jobs,
        resume_folder,
    )
    reader.eval()

    def answers(given: np.ndarray) -> np.ndarray:
        final = probabilities_at(predict_logits(checkpoint.network, given), temperature)
        return joined(final, probabilities_at(predict_logits(reader, given), 1.0))

    (drawn, drawn_labels), others = valid_examples(images[held_out], labels[held_out], image, training.seed)
    digits = np.concatenate([images[held_out], drawn]), np.concatenate([labels[held_out], drawn_labels])
    metrics = refusal_scores((answers(digits[0]), digits[1]), {kind: answers(given) for kind, given in others.items()})
    return Reader(to_onnx(whole_network(reader, 1.0), reader_image(image)), metrics, resume_state)
