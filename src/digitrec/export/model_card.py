"""What a person should know before using the exported network."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from digitrec.reading.exported import Exported
from digitrec.spec import ImageSpec, Recipe

# Classes that the card names; where there are more it says how many.
N_NAMED = 12


def model_card(exported: Exported, calibration: Mapping[str, Any], size_bytes: int, n_parameters: int) -> str:
    """Write the card.

    Parameters
    ----------
    exported : Exported
        As stage `export` writes it to `model.json`.
    calibration : mapping
        As stage `calibrate` writes it to `metrics/calibrate.json`.
    size_bytes, n_parameters : int
        Of the network's file and the network.

    Returns
    -------
    str
        Markdown.
    """
    text = files("digitrec.export").joinpath("model_card.md.jinja").read_text(encoding="utf-8")
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(text)
    image = exported.dataset.image
    return template.render(
        dict(exported),
        image=image,
        form=_form(image),
        preparation=_preparation(image),
        classes=_classes(image),
        recipe=_recipe(exported.training.recipe),
        calibration=calibration,
        answered=calibration["answered"],
        size_bytes=size_bytes,
        n_parameters=n_parameters,
        percent=lambda share: f"{100 * share:.2f} %",
    )


def _form(image: ImageSpec) -> str:
    if image.preparation == "mnist":
        return "0 for paper and 255 for ink, what is written in the middle as in MNIST"
    return "0 black and 255 white" if image.channels == 1 else "red, green and blue from 0 to 255"


def _preparation(image: ImageSpec) -> str:
    if image.preparation == "mnist":
        return "their ink is found, fitted into the middle 5/7 of the image and centred by its mass"
    return "brought to size with their shape kept, padded with the colour of their border"


def _classes(image: ImageSpec) -> str:
    # A bar would end the table's cell.
    names = [name.replace("|", "\\|") for name in image.classes[:N_NAMED]]
    more = image.n_classes - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _recipe(recipe: Recipe) -> str:
    """Name what the recipe does; what is left out is not done."""
    settings = recipe.model_dump(mode="json", exclude_defaults=True)
    hardening = settings.pop("hardening", {})
    named = settings | {f"hardening {key}": value for key, value in hardening.items()}
    return ", ".join(f"{key} {value}" for key, value in named.items()) or "nothing but the loss"
