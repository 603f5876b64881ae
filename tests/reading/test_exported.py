import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from digitrec.reading.exported import ExportedNetwork, ModelError
from digitrec.spec import ImageSpec
from tests.conftest import ROOT
from tests.exported import MANY, RED_GREEN_BLUE, SHADES, description, export_means, mean_network

MODEL = mean_network(RED_GREEN_BLUE)
ABOUT = description(MODEL, RED_GREEN_BLUE)


def about(*keys: str, value: object) -> dict:
    """The description with one value changed, deep in it or not."""
    changed = json.loads(json.dumps(ABOUT))
    place = changed
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return changed


def foreign_network() -> bytes:
    """A network with other inputs and outputs."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 224, 224])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, 224, 224])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "foreign", [value], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def broken_network() -> bytes:
    """The network with a node that takes what no other gives."""
    model = onnx.load_from_string(MODEL)
    model.graph.node[-1].input[0] = "nothing"
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("content", "told", "message"),
    [
        (MODEL[:-9], ABOUT, r"model\.onnx: its SHA-256 is not the one in model\.json"),
        (MODEL, [1, 2], r"model\.json: holds no description of a model: got \[1, 2\]"),
        (MODEL, {"sha256": ""}, r"model\.json: .*lacks dataset, training, temperature, threshold, accuracy"),
        (MODEL, {"dataset": "mnist", "lr": 1}, r"dataset: got 'mnist'.*"),
        (MODEL, ABOUT | {"threshold": None}, r"threshold: got None, Input should be a valid number"),
        (MODEL, ABOUT | {"threshold": "0.9"}, r"threshold: got '0\.9', Input should be a valid number"),
        (MODEL, ABOUT | {"threshold": 2, "n": 0}, r"threshold: got 2, .*less than or equal to 1; n: got 0, "),
        (MODEL, ABOUT | {"colour": "blue"}, r"has the unknown colour\."),
        (MODEL, about("dataset", "image", "channels", value=4), r"dataset\.image\.channels: got 4, "),
        (MODEL, about("training", "lr", value="fast"), r"training\.lr: got 'fast', "),
        (
            MODEL,
            about("dataset", "image", "classes", value=["a", "b"]),
            r"expected one from 24x16 colour uint8 pixels to 2 probabilities",
        ),
        (
            MODEL,
            about("dataset", "image", "height", value=24),
            r"expected one from 24x24 colour uint8 pixels to 3 probabilities",
        ),
        (b"hello", None, r"model\.onnx: is no network that ONNX Runtime reads"),
        (broken_network(), None, r"model\.onnx: is no network that ONNX Runtime reads"),
        (foreign_network(), None, r"model\.onnx: is another kind of network"),
    ],
)
def test_what_is_no_exported_network_is_refused_in_one_line(
    tmp_path: Path, content: bytes, told: object, message: str, capfd: pytest.CaptureFixture
) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    # None: a description that fits the content.
    (tmp_path / "model.json").write_text(json.dumps(description(content, RED_GREEN_BLUE) if told is None else told))
    with pytest.raises(ModelError, match=message) as raised:
        ExportedNetwork(tmp_path)
    assert "\n" not in str(raised.value)
    assert re.search("--model.*dvc repro export", str(raised.value))
    # ONNX Runtime would log the error as well.
    assert capfd.readouterr() == ("", "")


def network_with_weights_elsewhere(place: Path) -> bytes:
    """The network with its weights in a file of their own."""
    model = onnx.load_from_string(MODEL)
    [weights] = [part for part in model.graph.initializer if part.name == "weights"]
    onnx.external_data_helper.set_external_data(weights, str(place), 0, len(weights.raw_data))
    weights.ClearField("raw_data")
    return model.SerializeToString()


@pytest.mark.parametrize("place", ["weights.bin", "../weights.bin", "model/weights.bin", "model.onnx"])
def test_a_network_reads_no_file_beside_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    content, folder = network_with_weights_elsewhere(Path(place)), tmp_path / "model"
    monkeypatch.chdir(tmp_path)
    folder.mkdir()
    for name in ("weights.bin", "model/weights.bin"):
        (tmp_path / name).write_bytes(np.eye(3, dtype=np.float32).tobytes())
    (folder / "model.onnx").write_bytes(content)
    (folder / "model.json").write_text(json.dumps(description(content, RED_GREEN_BLUE)))
    with pytest.raises(ModelError, match="is no network that ONNX Runtime reads"):
        ExportedNetwork(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_description_that_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(MODEL)
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.json: holds no description of a model: got b.*Invalid JSON"):
        ExportedNetwork(tmp_path)


def test_a_network_knows_its_images_and_classes(tmp_path: Path) -> None:
    network = ExportedNetwork(export_means(tmp_path, RED_GREEN_BLUE))
    assert network.image == RED_GREEN_BLUE
    assert network.classes == ("red", "green", "blue")
    assert network.threshold == 0.6
    assert network.description.training.model == "mlp"


@pytest.mark.parametrize("image", [RED_GREEN_BLUE, SHADES, MANY])
@pytest.mark.parametrize("n", [1, 7, 1234])
def test_probabilities_are_of_each_image_and_class(tmp_path: Path, image: ImageSpec, n: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (n, *image.shape), np.uint8)
    levels = np.arange(n) % image.n_classes
    if image.channels == 3:
        images[np.arange(n), :, :, levels] = 255
    else:
        images[:] = (255 * levels / (image.n_classes - 1))[:, None, None, None]
    probabilities = ExportedNetwork(export_means(tmp_path, image)).probabilities(images)
    assert (probabilities.shape, probabilities.dtype) == ((n, image.n_classes), np.float32)
    assert probabilities.sum(1) == pytest.approx(1)
    assert np.array_equal(probabilities.argmax(1), levels)


def test_the_committed_model_takes_mnists_images() -> None:
    network = ExportedNetwork(ROOT / "src/digitrec/pretrained")
    assert network.image.shape == (28, 28, 1)
    assert network.image.preparation == "mnist"
    images = np.zeros((3, 28, 28, 1), np.uint8)
    images[1, 4:24, 13:15] = 255
    probabilities = network.probabilities(images)
    assert probabilities.shape == (3, 10)
    assert probabilities[1].argmax() == 1
