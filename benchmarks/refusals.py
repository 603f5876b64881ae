"""What share of pictures that show no digit is refused: `python benchmarks/refusals.py FOLDER`.

FOLDER holds pictures in folders by class, of any depth, such as Omniglot's characters. Prints the share that
`digitrec predict` answers by no digit, and the classes of which most are answered.
"""

import sys
from collections import Counter, defaultdict
from pathlib import Path

from digitrec.reading.answers import answer_images
from digitrec.reading.exported import ExportedNetwork

ROOT = Path(__file__).parents[1]
SUFFIXES = (".png", ".jpg", ".jpeg")


def main(folder: Path) -> None:
    """Answer all pictures in a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    network = ExportedNetwork(ROOT / "data/export")
    rows = answer_images(network, ((str(path), path.read_bytes()) for path in paths))
    answered: dict[str, list[str | None]] = defaultdict(list)
    for path, (row, _) in zip(paths, rows, strict=True):
        answered[str(path.parent.relative_to(folder))].append(row["label"])
    refused = sum(label is None for labels in answered.values() for label in labels)
    print(f"{refused} of {len(paths)} pictures are refused: {refused / len(paths):.1%}")
    worst = sorted(answered.items(), key=lambda item: -sum(label is not None for label in item[1]))[:20]
    for name, labels in worst:
        given = Counter(label for label in labels if label is not None).most_common(2)
        print(f"{name}: {', '.join(f'{label} {count} of {len(labels)}' for label, count in given)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
