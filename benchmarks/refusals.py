"""What share of pictures that show no digit is refused: `python benchmarks/refusals.py FOLDER`.

Reads   src/digitrec/pretrained
Writes  benchmarks/results/refusals.json

FOLDER holds pictures in folders by class, of any depth, such as Omniglot's characters. Counts those that `digitrec
predict` answers by no digit, of each class too, and prints the classes of which most are answered.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path

from digitrec.errors import DigitrecError
from digitrec.evaluation.scores import wilson_interval
from digitrec.pipeline.files import write_json
from digitrec.pipeline.stage import run_stage
from digitrec.reading.answers import answer_images
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.exports import PRETRAINED

SUFFIXES = (".png", ".jpg", ".jpeg")


def main(root: Path) -> None:
    """Answer all pictures in a folder."""
    parser = argparse.ArgumentParser(description="What share of pictures that show no digit is refused.")
    parser.add_argument("folder", type=Path, help="pictures in folders by class, of any depth")
    folder = parser.parse_args().folder
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise DigitrecError(f"{folder}: has no pictures ({', '.join(SUFFIXES)}) in it or in folders there")
    network = ExportedNetwork(PRETRAINED)
    rows = answer_images(network, ((str(path), path.read_bytes()) for path in paths))
    answered: dict[str, list[str | None]] = defaultdict(list)
    for path, (row, _) in zip(paths, rows, strict=True):
        answered[str(path.parent.relative_to(folder))].append(row["label"])
    refused = sum(label is None for labels in answered.values() for label in labels)
    counts = {"pictures": len(paths), "classes": len(answered), "refused": refused}
    by_class = {
        name: {"pictures": len(labels), "refused": labels.count(None)} for name, labels in sorted(answered.items())
    }
    write_json(
        root / "benchmarks/results/refusals.json",
        counts | {"refused_ci95": wilson_interval(refused, len(paths)), "by_class": by_class},
    )
    print(f"{refused} of {len(paths)} pictures are refused: {refused / len(paths):.1%}")
    worst = sorted(answered.items(), key=lambda item: -sum(label is not None for label in item[1]))[:20]
    for name, labels in worst:
        given = Counter(label for label in labels if label is not None).most_common(2)
        print(f"{name}: {', '.join(f'{label} {count} of {len(labels)}' for label, count in given)}")


if __name__ == "__main__":
    run_stage(main)
