"""Names for computations, so that a kept result is taken again only where it would come out the same."""

import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np

LIBRARIES = ("numpy", "scikit-learn", "skorch", "torch", "torchvision")


def fingerprint(settings: Mapping[str, Any], modules: Iterable[ModuleType], arrays: Iterable[np.ndarray] = ()) -> str:
    """Hash what a result depends on: settings, code, libraries and data.

    Parameters
    ----------
    settings : mapping
        JSON values.
    modules : iterable of module
        Those whose source the result depends on.
    arrays : iterable of array
        The data.

    Returns
    -------
    str
        64 hexadecimal digits (SHA-256).
    """
    versions = [version(name) for name in LIBRARIES]
    digest = hashlib.sha256(json.dumps([dict(settings), versions], sort_keys=True).encode())
    for module in modules:
        digest.update(_source(module))
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@cache
def _source(module: ModuleType) -> bytes:
    # Once, early: what a file becomes while this process runs is not the code that it has loaded.
    return inspect.getsource(module).encode()
