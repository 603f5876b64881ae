"""The final model beside the baselines."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from digitrec.evaluation.scores import accuracy_scores, mcnemar_p

FINAL = "final"


def compare(
    labels: np.ndarray, predictions: Mapping[str, np.ndarray], n_parameters: Mapping[str, int]
) -> dict[str, dict[str, Any]]:
    """Score every classifier on the same images and test each baseline against the final model.

    Parameters
    ----------
    labels : array
        Integers of shape (n,).
    predictions : mapping
        By name, `final` among them: integers of shape (n,).
    n_parameters : mapping
        By name.

    Returns
    -------
    dict
        By name, most accurate first: accuracy, accuracy_ci95, errors, n, n_parameters, and mcnemar_p (for the final
        model itself 1.0).
    """
    scores = {
        name: {
            **accuracy_scores(labels, guess),
            "n_parameters": n_parameters[name],
            "mcnemar_p": mcnemar_p(labels, predictions[FINAL], guess),
        }
        for name, guess in predictions.items()
    }
    return dict(sorted(scores.items(), key=lambda item: (item[1]["errors"], item[0])))


def comparison_rows(scores: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Flatten `compare`'s result: a row a classifier, the interval in two columns."""
    return [
        {
            "name": name,
            **{key: value for key, value in row.items() if key != "accuracy_ci95"},
            "accuracy_low": row["accuracy_ci95"][0],
            "accuracy_high": row["accuracy_ci95"][1],
        }
        for name, row in scores.items()
    ]


def comparison_table(scores: Mapping[str, Mapping[str, Any]], times: Mapping[str, Mapping[str, float]]) -> str:
    """Lay the comparison out as text.

    Parameters
    ----------
    scores : mapping
        What `compare` returns.
    times : mapping
        By name: fit_seconds and predict_seconds, where they were measured.
    """
    header = ("accuracy", "95 % interval", "errors", "parameters", "McNemar p", "fit s", "predict s")
    widths = (10, 18, 8, 12, 11, 9, 10)
    lines = [" " * 22 + "".join(f"{text:>{width}}" for text, width in zip(header, widths, strict=True))]
    for name, row in scores.items():
        low, high = row["accuracy_ci95"]
        p = "" if name == FINAL else f"{row['mcnemar_p']:.2g}" if row["mcnemar_p"] else "< 1e-300"
        seconds = [times.get(name, {}).get(key) for key in ("fit_seconds", "predict_seconds")]
        fit, predict = ("" if value is None else f"{value:.2f}" for value in seconds)
        interval = f"[{100 * low:.2f}, {100 * high:.2f}]"
        cells = (
            f"{100 * row['accuracy']:.2f} %",
            interval,
            f"{row['errors']:,}",
            f"{row['n_parameters']:,}",
            p,
            fit,
            predict,
        )
        lines.append(f"{name:22}" + "".join(f"{text:>{width}}" for text, width in zip(cells, widths, strict=True)))
    return "\n".join(lines)
