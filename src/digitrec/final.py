"""The settings of the final training, resolved from parameters and search."""

from collections.abc import Mapping
from typing import Any

from digitrec.params import Params


def resolve_settings(params: Params, best: Mapping[str, Any], statistics: Mapping[str, float]) -> dict[str, Any]:
    """Put together all that the final network depends on but the images.

    Parameters
    ----------
    params : Params
        Its `lr`, `batch_size`, `max_epochs` and `optimizer` are taken unless they are `auto`.
    best : mapping
        The search's winner: these four, and the network's arguments.
    statistics : mapping
        mean and std of the pixels.

    Returns
    -------
    dict
        JSON values: dataset, model, architecture, the four, recipe, mean, std, seed.
    """
    architecture = dict(best)
    chosen = {}
    for key in ("lr", "batch_size", "max_epochs", "optimizer"):
        found = architecture.pop(key)
        wanted = getattr(params, key)
        chosen[key] = found if wanted == "auto" else wanted
    return {
        "dataset": params.dataset,
        "model": params.model,
        "architecture": architecture,
        **chosen,
        "recipe": params.chosen_recipe.model_dump(),
        "mean": statistics["mean"],
        "std": statistics["std"],
        "seed": params.seed,
    }
