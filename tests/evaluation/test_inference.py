from pathlib import Path

import numpy as np
import pytest
import torch

from digitrec.evaluation import inference
from digitrec.evaluation.inference import predict_logits, predict_probabilities
from digitrec.pipeline.files import read_array, write_array
from digitrec.spec import Normalization
from digitrec.training.network import Network, build_network
from digitrec.transforms.pixels import to_pixels
from tests.tiny import COLOUR, IMAGE, NORMALIZATION, SMALL_MNISTNET, some_colours, some_digits

IMAGES, _ = some_digits(130)


def _network() -> Network:
    torch.manual_seed(0)
    return build_network("mnistnet", SMALL_MNISTNET, IMAGE, NORMALIZATION).eval()


def test_logits_are_what_the_network_gives() -> None:
    network = _network()
    found = predict_logits(network, IMAGES)
    assert found.shape == (130, 10)
    assert found.dtype == np.float32
    with torch.no_grad():
        np.testing.assert_allclose(found, network(to_pixels(IMAGES)).numpy(), atol=1e-6)


@pytest.mark.parametrize("n", [1, 50, 130, 1000])
def test_logits_do_not_depend_on_how_many_images_are_taken_at_a_time(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = _network()
    expected = predict_logits(network, IMAGES)
    monkeypatch.setattr(inference, "BATCH_PIXELS", n * IMAGES[0].size)
    assert next(len(batch) for batch in inference.batches_of(IMAGES)) == min(n, 130)
    np.testing.assert_allclose(predict_logits(network, IMAGES), expected, atol=1e-5)


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    network = _network()
    found = predict_probabilities(network, IMAGES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    logits = np.exp(predict_logits(network, IMAGES).astype(float))
    np.testing.assert_allclose(found, logits / logits.sum(1, keepdims=True), atol=1e-6)


def test_colour_images_and_their_classes() -> None:
    normalization = Normalization(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.2))
    network = build_network("mlp", {}, COLOUR, normalization).eval()
    assert predict_probabilities(network, some_colours(7)[0]).shape == (7, 3)


def test_images_in_a_mapped_file_are_read_and_left_as_they_are(tmp_path: Path) -> None:
    write_array(tmp_path / "images.npy", IMAGES)
    before = (tmp_path / "images.npy").read_bytes()
    found = predict_logits(_network(), read_array(tmp_path / "images.npy"))
    np.testing.assert_array_equal(found, predict_logits(_network(), IMAGES))
    assert (tmp_path / "images.npy").read_bytes() == before


def test_nothing_is_kept_for_a_gradient() -> None:
    seen = []
    network = _network()
    network.register_forward_hook(lambda module, inputs, output: seen.append(output.requires_grad))
    predict_logits(network, IMAGES)
    assert seen == [False]
