"""How well pages are read with other constants: `python benchmarks/reading.py row_reading.CUT=0.5,0.6,0.75`.

Composes pages of seeds that the score of stage `read-pages` never sees, of all kinds or of `--kinds`, and reads them
with each value of a constant of a module of `digitrec.reading`. Prints pages that are exact, digits that are right and
those that are too many; without a constant, for each kind.
"""

import argparse
import importlib
from pathlib import Path

from digitrec.data.dataset import read_part
from digitrec.evaluation.pages import best_text, page_score, saved, summary
from digitrec.pipeline.files import read_array
from digitrec.pipeline.stage import run_stage
from digitrec.reading.decoding import decode
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.pages import KINDS, compose
from digitrec.reading.reader import read_page

# A multiple of the number of kinds, far from the seeds of the score.
FIRST_SEED, PAGES_A_KIND = 30_015, 40


def constant(text: str) -> tuple[str, str, list[str]]:
    """Take `row_reading.CUT=0.5,0.6` apart."""
    name, values = text.split("=")
    module, attribute = name.split(".")
    return module, attribute, values.split(",")


def main(root: Path) -> None:
    """Read pages with each value of the constants."""
    parser = argparse.ArgumentParser(description="How well pages are read with other constants.")
    parser.add_argument("constants", nargs="*", type=constant, help="such as row_reading.CUT=0.5,0.6,0.75")
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS, help="of pages (default: all)")
    options = parser.parse_args()
    held_out = read_array(root / "data/checkpoints/final_valid_rows.npy")
    images, labels = read_part(root / "data/train")
    images, labels = images[held_out][..., 0], labels[held_out]
    seeds = range(FIRST_SEED, FIRST_SEED + PAGES_A_KIND * len(KINDS))
    pages = [compose(images, labels, seed) for seed in seeds if KINDS[seed % len(KINDS)] in options.kinds]
    greys = [decode(saved(page), page.kind) for page in pages]
    network = ExportedNetwork(root / "data/export")

    def score() -> dict:
        texts = [best_text(read_page(grey, network), network.classes) for grey in greys]
        return summary(
            [{"kind": page.kind} | page_score(page.text, text) for page, text in zip(pages, texts, strict=True)]
        )

    if not options.constants:
        counts = score()
        for kind, count in [*counts["kinds"].items(), ("all", counts)]:
            print(f"{kind:13} {_text(count)}")
    for module, attribute, values in options.constants:
        place = importlib.import_module(f"digitrec.reading.{module}")
        usual = getattr(place, attribute)
        for value in values:
            setattr(place, attribute, type(usual)(value))
            print(f"{module}.{attribute} = {value}: {_text(score())}", flush=True)
        setattr(place, attribute, usual)


def _text(count: dict) -> str:
    return (
        f"{count['exact']} of {count['pages']} pages exact, {count['right']} of {count['digits']} digits right, "
        f"{count['extra']} too many"
    )


if __name__ == "__main__":
    run_stage(main)
