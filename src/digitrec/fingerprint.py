"""Names for computations, so that a kept result is taken again only where it would come out the same."""

import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy
import sklearn
import skorch
import torch


def fingerprint(
    settings: Mapping[str, Any], modules: Iterable[ModuleType], arrays: Iterable[numpy.ndarray] = ()
) -> str:
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
    versions = [library.__version__ for library in (numpy, sklearn, skorch, torch)]
    digest = hashlib.sha256(json.dumps([dict(settings), versions], sort_keys=True).encode())
    for module in modules:
        digest.update(inspect.getsource(module).encode())
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(numpy.ascontiguousarray(array))
    return digest.hexdigest()
