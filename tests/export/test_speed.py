from pathlib import Path

import numpy as np
import pytest
import torch

from digitrec.export import speed
from digitrec.export.onnx import whole_network
from digitrec.export.speed import MANY, N_CALLS, compare_speed, measure_speed
from digitrec.training.network import build_network
from tests.exported import RED_GREEN_BLUE, export_means
from tests.tiny import NORMALIZATION, SMALL_MLP, all_digits, some_colours


def test_every_way_is_timed() -> None:
    found = measure_speed({"nothing": len, "sum": np.sum}, all_digits().test_images)
    assert set(found) == {"nothing", "sum"}
    assert found["nothing"]["latency_us"] < found["sum"]["latency_us"]
    assert all(row["images_per_second"] > 0 for row in found.values())


@pytest.mark.parametrize("n", [1, 7, 100])
def test_few_images_come_again(n: int) -> None:
    images = np.arange(n, dtype=np.uint8)[:, None, None, None]
    seen: list[np.ndarray] = []
    measure_speed({"note": lambda batch: seen.append(batch.ravel())}, images)
    sizes = {size: sum(len(batch) == size for batch in seen) for size in (1, MANY)}
    assert sizes == N_CALLS
    assert set(np.concatenate(seen)) == set(range(n))


def test_a_slow_network_is_timed_no_longer_than_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "ENOUGH", 0)
    seen: list[int] = []
    found = measure_speed({"note": lambda batch: seen.append(len(batch))}, all_digits().test_images)
    assert [seen.count(1), seen.count(MANY)] == [speed.TURN] * 2
    assert found["note"]["latency_us"] > 0


@pytest.mark.slow
def test_the_exported_network_is_compared_with_pytorch(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    module = whole_network(build_network("mlp", SMALL_MLP, RED_GREEN_BLUE, NORMALIZATION), 1.0)
    images = some_colours(9, RED_GREEN_BLUE)[0]
    try:
        found = compare_speed(export_means(tmp_path, RED_GREEN_BLUE), module, images, 2)
    finally:
        torch.set_num_threads(threads)
    assert {name: set(rows) for name, rows in found.items()} == {
        "1_threads": {"onnxruntime", "torch"},
        "2_threads": {"onnxruntime", "torch"},
    }
