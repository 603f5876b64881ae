"""Fitted baselines on disk, in skops files: nothing in them is unpickled."""

import json
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from sklearn.base import BaseEstimator
from skops.io import dump, get_untrusted_types, load
from skops.io.exceptions import UntrustedTypesFoundException

from digitrec.errors import ArtifactError
from digitrec.pipeline.files import replacing

# What the baselines hold beside numbers and the estimators of scikit-learn itself.
TRUSTED = [
    "digitrec.baselines.mlp.Perceptron",
    "digitrec.baselines.svm.PrincipalComponents",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
]
# Nearest neighbours keep all pixels, 188 MB for MNIST, most of them the same: a higher level only takes longer.
LEVEL = 1


def save_baseline(path: Path, model: BaseEstimator) -> None:
    """Write a fitted baseline: the same model, the same bytes.

    Parameters
    ----------
    path : Path
        The `.skops` file.
    model : BaseEstimator

    Raises
    ------
    ArtifactError
        When it holds what `load_baseline` would refuse, or cannot be written.
    """
    dumped = BytesIO()
    dump(model, dumped, compression=ZIP_DEFLATED, compresslevel=LEVEL)
    foreign = set(get_untrusted_types(data=dumped.getvalue())) - set(TRUSTED)
    if foreign:
        raise ArtifactError(
            f"cannot write {path}: it would hold {', '.join(sorted(foreign))}, which is not trusted when it is read. "
            "Add what is safe to load to TRUSTED in src/digitrec/baselines/_kept.py."
        )
    with replacing(path) as temporary, ZipFile(dumped) as source, ZipFile(temporary, "w", ZIP_DEFLATED) as target:
        _number(source, target)


def load_baseline(path: Path) -> BaseEstimator:
    """Read a fitted baseline.

    Parameters
    ----------
    path : Path
        The `.skops` file that `save_baseline` wrote.

    Raises
    ------
    ArtifactError
        When it is missing or damaged, or holds anything but numbers and the types that baselines are made of: such a
        type is not even imported.
    """
    advice = "remove it and run `dvc repro fit-baseline`."
    try:
        model = load(path, trusted=TRUSTED)
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing: run `dvc repro fit-baseline` to make it.") from error
    except UntrustedTypesFoundException as error:
        raise ArtifactError(f"{path} is no baseline of this project ({error}): {advice}") from error
    except (
        BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        ImportError,
    ) as error:
        raise ArtifactError(f"{path} is damaged, or of another scikit-learn ({error}): {advice}") from error
    if not isinstance(model, BaseEstimator):
        raise ArtifactError(f"{path} is no baseline, but a {type(model).__name__}: {advice}")
    return model


def _number(source: ZipFile, target: ZipFile) -> None:
    """Copy a skops file, objects numbered: there they have addresses in memory, and files the time for a date."""
    ids: dict[int, int] = {}
    names: dict[str, str] = {}

    def numbered(state: dict[str, Any]) -> dict[str, Any]:
        if "__id__" in state:
            state["__id__"] = ids.setdefault(state["__id__"], len(ids) + 1)
        if isinstance(state.get("file"), str):
            name = Path(state["file"])
            state["file"] = names.setdefault(name.name, f"{len(names) + 1}{name.suffix}")
        return state

    schema = json.loads(source.read("schema.json"), object_hook=numbered)
    # Each is dated 1980, as ZipInfo has it.
    for old, new in names.items():
        target.writestr(ZipInfo(new), source.read(old), ZIP_DEFLATED, LEVEL)
    target.writestr(ZipInfo("schema.json"), json.dumps(schema), ZIP_DEFLATED, LEVEL)
