from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from digitrec.evaluation.inference import predict_probabilities
from digitrec.export.onnx import PixelsToProbabilities, differences, to_onnx, torch_probabilities, whole_network
from digitrec.pipeline.files import write_json
from digitrec.reading.exported import ExportedNetwork
from digitrec.spec import ImageSpec
from digitrec.training.network import Network, build_network
from tests.exported import description
from tests.tiny import COLOUR, IMAGE, NORMALIZATION, SMALL_MLP, SMALL_MNISTNET, all_digits, some_colours

TEMPERATURE = 0.1


class Case(NamedTuple):
    image: ImageSpec
    images: np.ndarray
    network: Network
    module: PixelsToProbabilities
    content: bytes


@pytest.fixture(scope="module", params=["digits", "colours"])
def case(request: pytest.FixtureRequest) -> Case:
    """Networks with weights as before training, which answer no two images alike; the temperature drives them apart."""
    torch.manual_seed(0)
    if request.param == "digits":
        image, images = IMAGE, all_digits().test_images
        network = build_network("mnistnet", SMALL_MNISTNET, image, NORMALIZATION)
    else:
        image, images = COLOUR, some_colours(360)[0]
        normalization = NORMALIZATION.model_copy(update={"mean": (0.3, 0.4, 0.5), "std": (0.2, 0.25, 0.3)})
        network = build_network("mlp", SMALL_MLP, image, normalization)
    module = whole_network(network, TEMPERATURE)
    return Case(image, images, network, module, to_onnx(module, image))


def test_any_number_of_images_gets_pytorchs_answers(case: Case, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(case.content)
    write_json(tmp_path / "model.json", description(case.content, case.image))
    network = ExportedNetwork(tmp_path)
    for n in (1, 2, 5, 360):
        found = network.probabilities(case.images[:n])
        assert (found.shape, found.dtype) == ((n, case.image.n_classes), np.float32)
        checked = differences(torch_probabilities(case.module, case.images[:n]), found)
        assert (checked["n"], checked["other_class"]) == (n, 0)
        assert checked["largest_difference"] < 1e-5
    assert np.ptp(found, axis=0).max() > 0.01


def test_the_temperature_divides_the_logits(case: Case) -> None:
    plain, softened = predict_probabilities(case.network, case.images), torch_probabilities(case.module, case.images)
    expected = plain.astype(np.float64) ** (1 / TEMPERATURE)
    assert softened == pytest.approx(expected / expected.sum(1, keepdims=True), abs=1e-5)


@pytest.mark.parametrize("case", ["colours"], indirect=True)
def test_the_same_network_gives_the_same_bytes(case: Case) -> None:
    assert sha256(to_onnx(case.module, case.image)).digest() == sha256(case.content).digest()
    # Whoever exports it, and wherever: the exporter's notes name files.
    assert b".py" not in case.content


def test_a_wrong_answer_is_counted() -> None:
    expected, found = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.9, 0.1], [0.6, 0.4]])
    assert differences(expected, found) == {"n": 2, "other_class": 1, "largest_difference": pytest.approx(0.4)}
