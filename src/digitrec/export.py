"""The trained network as a file that needs no PyTorch: ONNX with everything between pixels and probabilities inside."""

import io

import torch
from torch import Tensor, nn

from digitrec.images import Normalization
from digitrec.training import DigitClassifier

INPUT, OUTPUT = "images", "probabilities"


class PixelsToProbabilities(nn.Module):
    """Normalization, network, temperature and softmax in one.

    Parameters
    ----------
    network : nn.Module
        From float32 images of shape (n, 1, 28, 28) to logits of shape (n, classes).
    normalization : Normalization
    temperature : float
        What logits are divided by.
    """

    def __init__(self, network: nn.Module, normalization: Normalization, temperature: float):
        super().__init__()
        self.network = network
        self.normalization = normalization
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        """From uint8 images of shape (n, 28, 28) to float32 probabilities of shape (n, classes)."""
        pixels = images.unsqueeze(1).to(torch.float32)
        normalized = (pixels - 255 * self.normalization.mean) / (255 * self.normalization.std)
        return torch.softmax(self.network(normalized) / self.temperature, 1)


def to_onnx(classifier: DigitClassifier, temperature: float) -> bytes:
    """Write a trained classifier as ONNX.

    Parameters
    ----------
    classifier : DigitClassifier
    temperature : float

    Returns
    -------
    bytes
        A model with the input `images`, uint8 of shape (n, 28, 28) for any n, and the output `probabilities`, float32
        of shape (n, classes).
    """
    module = PixelsToProbabilities(classifier.module_.cpu(), classifier.normalization, temperature).eval()
    program = torch.onnx.export(
        module,
        (torch.zeros(2, 28, 28, dtype=torch.uint8),),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("n")},),
        dynamo=True,
        verbose=False,
    )
    content = io.BytesIO()
    program.save(content)
    return content.getvalue()
