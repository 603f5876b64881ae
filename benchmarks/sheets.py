"""How well photographed pages are read: `python benchmarks/sheets.py FOLDER`.

Reads   src/digitrec/pretrained
Writes  benchmarks/results/sheets.json

FOLDER holds pictures and sheets.csv: in `file` a picture's name, in `text` its digits as a person reads them, rows
parted by a slash. No network was trained on such pictures.
"""

import argparse
import csv
from pathlib import Path

from digitrec.errors import DigitrecError
from digitrec.evaluation.pages import best_text, page_score, summary
from digitrec.pipeline.files import write_json
from digitrec.pipeline.stage import run_stage
from digitrec.reading.decoding import decode
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.exports import PRETRAINED
from digitrec.reading.reader import read_page


def main(root: Path) -> None:
    """Read all pictures and count."""
    parser = argparse.ArgumentParser(description="How well photographed pages are read.")
    parser.add_argument("folder", type=Path, help="pictures and sheets.csv, with the columns file and text")
    folder = parser.parse_args().folder
    if not (folder / "sheets.csv").exists():
        raise DigitrecError(f"{folder}: has no sheets.csv, which names the pictures and what is on them")
    network, rows = ExportedNetwork(PRETRAINED), []
    with (folder / "sheets.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            grey = decode((folder / row["file"]).read_bytes(), row["file"])
            found = best_text(read_page(grey, network), network.classes)
            true = [part.replace(" ", "") for part in row["text"].split("/")]
            rows.append({"kind": "photographed", "file": row["file"]} | page_score(true, found))
            print(f"{row['file']}: {' / '.join(found)}; in truth {row['text']}")
    whole = summary(rows)
    del whole["kinds"]
    write_json(root / "benchmarks/results/sheets.json", whole)
    print(f"{whole['right']} of {whole['digits']} digits are right, {whole['exact']} of {whole['pages']} pages exact")


if __name__ == "__main__":
    run_stage(main)
