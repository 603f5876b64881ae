from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from digitrec.artifacts import write_json
from digitrec.export import differences, measure_speed, to_onnx, torch_probabilities, whole_network
from digitrec.recognizer import Recognizer, RecognizerError
from tests.tiny import all_digits, small_classifier, some_digits


@pytest.fixture(scope="module", params=["mlp", "mnistnet"])
def trained(request: pytest.FixtureRequest) -> tuple:
    images, labels = some_digits(400)
    classifier = small_classifier(request.param).fit(images, labels)
    module = whole_network(classifier, 1.5)
    return classifier, module, to_onnx(module)


def _folder(tmp_path: Path, content: bytes, **changes: object) -> Path:
    (tmp_path / "model.onnx").write_bytes(content)
    description = {"sha256": sha256(content).hexdigest(), "threshold": 0.9, "classes": 10} | changes
    write_json(tmp_path / "model.json", {key: value for key, value in description.items() if value is not None})
    return tmp_path


@pytest.mark.parametrize("n", [1, 2, 5, 360])
def test_any_number_of_images_gets_pytorchs_answers(trained: tuple, tmp_path: Path, n: int) -> None:
    _, module, content = trained
    images = all_digits().test_images[:n]
    found = Recognizer(_folder(tmp_path, content)).probabilities(images)
    assert (found.shape, found.dtype) == ((n, 10), np.float32)
    checked = differences(torch_probabilities(module, images), found)
    assert (checked["n"], checked["other_class"]) == (n, 0)
    assert checked["largest_difference"] < 1e-5


def test_the_temperature_divides_the_logits(trained: tuple) -> None:
    classifier, module, _ = trained
    images = all_digits().test_images
    plain, softened = classifier.predict_proba(images), torch_probabilities(module, images)
    expected = plain ** (1 / 1.5)
    assert softened == pytest.approx(expected / expected.sum(1, keepdims=True), abs=1e-5)


def test_the_same_network_gives_the_same_bytes(trained: tuple) -> None:
    assert to_onnx(trained[1]) == trained[2]
    # Whoever exports it, and wherever: the exporter's notes name files.
    assert b".py" not in trained[2]


def test_a_wrong_answer_is_counted() -> None:
    expected, found = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.9, 0.1], [0.6, 0.4]])
    assert differences(expected, found) == {"n": 2, "other_class": 1, "largest_difference": pytest.approx(0.4)}


def test_every_way_is_timed() -> None:
    images = all_digits().test_images
    speed = measure_speed({"nothing": len, "sum": np.sum}, images)
    assert set(speed) == {"nothing", "sum"}
    assert speed["nothing"]["latency_us"] < speed["sum"]["latency_us"]
    assert all(row["images_per_second"] > 0 for row in speed.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0"}, "its SHA-256 is not the one in model.json"),
        ({"threshold": None}, "lacks threshold"),
    ],
)
def test_a_model_that_is_not_whole_is_refused(trained: tuple, tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(RecognizerError, match=message) as raised:
        Recognizer(_folder(tmp_path, trained[2], **changes))
    assert "dvc repro export" in str(raised.value)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecognizerError, match="has no model that can be read"):
        Recognizer(tmp_path)


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecognizerError, match="is no network that ONNX Runtime reads"):
        Recognizer(_folder(tmp_path, b"no network"))
