"""The machine that something ran on: times without it mean nothing."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from joblib import cpu_count


def describe_machine() -> dict[str, Any]:
    """Give the CPU's model, the cores that this process may use, and the versions that matter for speed."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def describe_device(device: str) -> str:
    """Give a GPU's model; `cpu` as it is, because `describe_machine` names it."""
    if device == "cpu":
        return device
    import torch  # Takes two seconds, which nothing without a GPU needs.

    return torch.cuda.get_device_name(device)


def headline(machine: dict[str, Any]) -> str:
    """Put it on one line."""
    return f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, torch {machine['torch']}"
