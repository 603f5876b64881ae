"""Exported networks that were never trained: what they answer can be told from an image's mean colour."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from digitrec.pipeline.files import write_json
from digitrec.reading.exported import Exported
from digitrec.spec import DatasetSpec, ImageSpec
from tests.tiny import small_training

RED_GREEN_BLUE = ImageSpec(height=16, width=24, channels=3, classes=("red", "green", "blue"), preparation="resize")
# An image of grey level k tenths is most like class k.
SHADES = ImageSpec(
    height=12, width=12, channels=1, classes=tuple(f"{k} tenths of white" for k in range(11)), preparation="resize"
)
MANY = SHADES.model_copy(update={"classes": tuple(f"{k} fortieths of white" for k in range(41))})


def mean_network(image: ImageSpec, fails_on_red: bool = False) -> bytes:
    """ONNX that answers with the channel that is strongest in the mean, or with the nearest of equally spaced greys."""
    if image.channels == 3:
        weights, bias = 20 * np.eye(3, dtype=np.float32), np.zeros(3, np.float32)
    else:
        # -(mean - centre)^2 without what all classes share, so that one layer is enough.
        centres = np.linspace(0, 1, image.n_classes, dtype=np.float32)
        sharpness = image.n_classes**2 / 2
        weights, bias = sharpness * 2 * centres[None], -sharpness * centres**2
    takes = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", *image.shape])
    gives = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", image.n_classes])
    constants = {"white": np.float32(255), "weights": weights, "bias": bias, "places": np.array([1, 2])}
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["floats", "white"], ["pixels"]),
        helper.make_node("ReduceMean", ["pixels", "places"], ["means"], keepdims=0),
        helper.make_node("Gemm", ["means", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    if fails_on_red:
        # From a list of one number, pure red takes the second.
        constants |= {"first": np.array(0), "most": np.float32(1.5), "list": np.zeros(1, np.float32)}
        nodes[3:4] = [
            helper.make_node("ReduceMax", ["means", "first of list"], ["brightest"], keepdims=0),
            helper.make_node("Gather", ["brightest", "first"], ["red"]),
            helper.make_node("Mul", ["red", "most"], ["more red"]),
            helper.make_node("Cast", ["more red"], ["place"], to=TensorProto.INT64),
            helper.make_node("Gather", ["list", "place"], ["nothing"]),
            helper.make_node("Add", ["bias", "nothing"], ["more bias"]),
            helper.make_node("Gemm", ["means", "weights", "more bias"], ["logits"]),
        ]
        constants["first of list"] = np.array([0])
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "means", [takes], [gives], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def description(content: bytes, image: ImageSpec, **changes: Any) -> dict[str, Any]:
    """What `model.json` says of such a network; changed keys may be wrong."""
    exported = Exported(
        dataset=DatasetSpec(name="colours", title="sheets of one colour", licence="unknown", image=image),
        training=small_training(),
        temperature=1.0,
        threshold=0.6,
        accuracy=0.9,
        accuracy_ci95=[0.6, 0.98],
        errors=1,
        n=10,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return exported.model_dump(mode="json") | changes


def export_means(folder: Path, image: ImageSpec, fails_on_red: bool = False) -> Path:
    """Write such a network as stage `export` would."""
    content = mean_network(image, fails_on_red)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    write_json(folder / "model.json", description(content, image))
    return folder
