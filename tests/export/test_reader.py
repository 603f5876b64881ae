import re

from digitrec.pipeline.files import read_json
from tests.conftest import Pipeline


def test_the_reader_is_trained_for_as_many_epochs_as_params_say(pipeline: Pipeline) -> None:
    pipeline.change_params(lambda params: params["reader"].update(max_epochs=2))
    printed = pipeline.printed_by("train_reader")
    assert re.findall(r"^ +(\d+) {8}", printed, re.MULTILINE) == ["1", "2"]
    metrics = read_json(pipeline.folder / "metrics/train_reader.json")
    assert read_json(pipeline.folder / "data/reader/reader.json") == {"threshold": metrics["threshold"]}
