"""How well pages are read with other constants: `python benchmarks/reading.py row_reading.CUT=0.5,0.6,0.75 [KIND...]`.

Composes pages of seeds that the score of stage `read-pages` never sees, of all kinds or of those named, and reads them
with each value of a constant of a module of `digitrec.reading`. Prints pages that are exact, digits that are right and
those that are too many; without a constant, for each kind.
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from digitrec.data.dataset import read_part
from digitrec.evaluation.pages import best_text, page_score, saved, summary
from digitrec.pipeline.files import read_array
from digitrec.reading.decoding import decode
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.pages import KINDS, compose
from digitrec.reading.reader import read_page

ROOT = Path(__file__).parents[1]
# A multiple of the number of kinds, far from the seeds of the score.
FIRST_SEED, PAGES_A_KIND = 30_015, 40


def main(arguments: Sequence[str]) -> None:
    """Read pages with each value of the constants."""
    constants = [argument for argument in arguments if "=" in argument]
    kinds = [argument for argument in arguments if "=" not in argument] or KINDS
    held_out = read_array(ROOT / "data/checkpoints/final_valid_rows.npy")
    images, labels = read_part(ROOT / "data/train")
    images, labels = images[held_out][..., 0], labels[held_out]
    seeds = range(FIRST_SEED, FIRST_SEED + PAGES_A_KIND * len(KINDS))
    pages = [compose(images, labels, seed) for seed in seeds if KINDS[seed % len(KINDS)] in kinds]
    greys = [decode(saved(page), page.kind) for page in pages]
    network = ExportedNetwork(ROOT / "data/export")

    def score() -> dict:
        texts = [best_text(read_page(grey, network), network.classes) for grey in greys]
        return summary(
            [{"kind": page.kind} | page_score(page.text, text) for page, text in zip(pages, texts, strict=True)]
        )

    if not constants:
        counts = score()
        for kind, count in [*counts["kinds"].items(), ("all", counts)]:
            print(f"{kind:13} {_text(count)}")
    for constant in constants:
        name, values = constant.split("=")
        module, attribute = name.split(".")
        place = importlib.import_module(f"digitrec.reading.{module}")
        usual = getattr(place, attribute)
        for value in values.split(","):
            setattr(place, attribute, type(usual)(value))
            print(f"{name} = {value}: {_text(score())}", flush=True)
        setattr(place, attribute, usual)


def _text(count: dict) -> str:
    return (
        f"{count['exact']} of {count['pages']} pages exact, {count['right']} of {count['digits']} digits right, "
        f"{count['extra']} too many"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
