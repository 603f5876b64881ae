import hashlib
import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from digitrec.recognizer import Recognizer, RecognizerError
from tests.conftest import ROOT

MODEL = (ROOT / "data/export/model.onnx").read_bytes()
ABOUT = json.loads((ROOT / "data/export/model.json").read_text())


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
    ("content", "about", "message"),
    [
        (MODEL[:-9], ABOUT, r"model\.onnx: its SHA-256 is not the one in model\.json"),
        (MODEL, [1, 2], r"model\.json: holds no description of a model"),
        (MODEL, {"sha256": ""}, r"model\.json: lacks classes, threshold"),
        (MODEL, ABOUT | {"threshold": None}, r"threshold: got None, expected a number from 0 to 1"),
        (MODEL, ABOUT | {"threshold": "0.9"}, r"threshold: got '0\.9', expected a number from 0 to 1"),
        (MODEL, ABOUT | {"classes": 26}, r"expected one from 28x28 uint8 pixels to 26 probabilities"),
        (b"hello", None, r"model\.onnx: is no network that ONNX Runtime reads"),
        (broken_network(), None, r"model\.onnx: is no network that ONNX Runtime reads"),
        (foreign_network(), None, r"model\.onnx: is another kind of network"),
    ],
)
def test_what_is_no_exported_network_is_refused_in_one_line(
    tmp_path: Path, content: bytes, about: object, message: str, capfd: pytest.CaptureFixture
) -> None:
    # None: a description that fits the content.
    about = ABOUT | {"sha256": hashlib.sha256(content).hexdigest()} if about is None else about
    (tmp_path / "model.onnx").write_bytes(content)
    (tmp_path / "model.json").write_text(json.dumps(about))
    with pytest.raises(RecognizerError, match=message) as raised:
        Recognizer(tmp_path)
    assert "\n" not in str(raised.value)
    assert re.search("--model.*dvc repro export", str(raised.value))
    # ONNX Runtime would log the error as well.
    assert capfd.readouterr() == ("", "")


def test_probabilities_are_of_each_image_and_class() -> None:
    images = np.zeros((3, 28, 28), np.uint8)
    images[1, 4:24, 13:15] = 255
    probabilities = Recognizer(ROOT / "data/export").probabilities(images)
    assert probabilities.shape == (3, 10)
    assert probabilities.sum(1) == pytest.approx(1)
    assert probabilities[1].argmax() == 1
