"""Small datasets of one's own and parameters of all kinds, and the whole pipeline on them."""

import contextlib
import io
import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st
from PIL import Image

from digitrec.errors import DigitrecError
from tests.tiny import ROOT

COMMITTED = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
# Up to the search, whatever cannot be is refused; what comes after that can be done.
REFUSING = ("index_folder", "download", "normalize_stats", "explore", "gridsearch")
WORKING = ("train_final", "evaluate", "calibrate", "fit_baseline", "compare_baselines", "robustness")
ENDING = ("train_reader", "export", "read_pages", "draw_data", "draw_results", "summary")
SIDES = st.sampled_from([1, 2, 3, 5, 8, 13, 16, 20, 28, 32])


@dataclass(frozen=True)
class Pictures:
    """A folder of pictures.

    Parameters
    ----------
    counts : list of int
        Of each class.
    height, width, channels : int
    kind : str
        noise, faint (nearly all of one value) or shades (each class of another one).
    seed : int
    """

    counts: list[int]
    height: int
    width: int
    channels: int
    kind: str
    seed: int

    def write(self, folder: Path) -> None:
        rng = np.random.default_rng(self.seed)
        for label, count in enumerate(self.counts):
            (folder / f"class {label}").mkdir(parents=True)
            for number in range(count):
                shape = (self.height, self.width, self.channels)
                pixels = rng.integers(0, 256, shape)
                if self.kind == "faint":
                    pixels = np.where(rng.random(shape) < 0.02, pixels, 7)
                elif self.kind == "shades":
                    pixels = (40 * label + pixels // 8) % 256
                array = pixels.astype(np.uint8)
                Image.fromarray(array if self.channels == 3 else array[..., 0]).save(
                    folder / f"class {label}/{number}.png"
                )


# Mostly of enough pictures, so that the stages have something to do.
PICTURES = st.builds(
    Pictures,
    st.lists(st.integers(5, 12), min_size=2, max_size=4) | st.lists(st.integers(1, 12), min_size=1, max_size=5),
    SIDES.filter(lambda side: side > 3) | SIDES,
    SIDES.filter(lambda side: side > 3) | SIDES,
    st.sampled_from([1, 3]),
    st.sampled_from(["noise", "shades", "faint"]),
    st.integers(0, 1000),
)


@st.composite
def changes(draw: st.DrawFn, models: tuple[str, ...], recipes: tuple[str, ...]) -> dict[str, Any]:
    """What is changed in params.yaml."""
    counts = st.sampled_from([1, 2, 3, 7, 40, 10_000])
    model, recipe = draw(st.sampled_from(models)), draw(st.sampled_from(recipes))
    least = draw(counts)
    architectures = {name: {key: values[:1] for key, values in own.items()} for name, own in ARCHITECTURES.items()}
    return {
        "dataset": "folder",
        "model": model,
        "recipe": recipe,
        "folder": {
            "test_share": draw(st.sampled_from([0.01, 0.2, 0.2, 0.2, 0.5])),
            "height": draw(st.just("auto") | SIDES),
            "width": draw(st.just("auto") | SIDES),
            "colour": draw(st.sampled_from(["auto", "grey", "rgb"])),
        },
        "batch_size": draw(st.just("auto") | counts),
        "max_epochs": 2,
        "lr": 0.001,
        "normalize_stats": draw(st.sampled_from([{"mean": "auto", "std": "auto"}, {"mean": 0.1, "std": 0.3}])),
        "explore": {"tsne_images": draw(st.sampled_from([10, 1000]))},
        "search": {
            "strategy": draw(st.sampled_from(["grid", "halving"])),
            "engine": draw(st.sampled_from(["auto", "skorch", "stacked"])),
            "cv": draw(st.sampled_from([2, 2, 2, 3])),
            "factor": draw(st.sampled_from([2, 4])),
            "min_images": least,
            "max_images": max(least, draw(counts)),
            "space": {
                "lr": [0.001, 0.01],
                "max_epochs": [1],
                "batch_size": draw(st.lists(counts, min_size=1, max_size=2, unique=True)),
                "optimizer": [draw(st.sampled_from(["adam", "rmsprop", "sgd"]))],
            },
            "architectures": architectures,
        },
        "recipes": {
            recipe: {
                "valid_fraction": draw(st.sampled_from([0.1, 0.4, 0.5, 0.5, 0.6])),
                "class_weight": draw(st.sampled_from(["none", "balanced"])),
            }
        },
        "evaluate": {
            "confused_pairs": draw(counts.filter(lambda n: n <= 1000)),
            "gallery": draw(st.sampled_from([1, 400])),
        },
        "calibrate": {"target_accuracy": draw(st.sampled_from([0.5, 0.998, 1.0]))},
        "robustness": {"baseline_images": draw(counts), "attacked_images": draw(counts)},
    }


ARCHITECTURES = COMMITTED["search"]["architectures"]


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {key: merged(base[key], over[key]) for key in base.keys() & over.keys() if isinstance(base[key], dict)}
    return base | over | both


def run_all(folder: Path, pictures: Pictures, changed: dict[str, Any], more: tuple[str, ...] = ()) -> str:
    """Run the pipeline's stages on pictures, one after the other.

    Returns
    -------
    str
        What was refused before the final training, or nothing. Any other error is raised.
    """
    pictures.write(folder / "data/own")
    (folder / "params.yaml").write_text(yaml.safe_dump(merged(COMMITTED, changed)), encoding="utf-8")
    for stage in (*REFUSING, *WORKING, *more):
        script = runpy.run_path(str(ROOT / f"stages/{stage}.py"))
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                script["main"](folder)
        except DigitrecError as error:
            if stage not in REFUSING:
                raise
            return f"{stage}: {error}"
    return ""
