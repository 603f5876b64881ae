"""Print the training curves, and which pictures changed, against another commit, as Markdown for GitHub.

Usage: python .github/plots.py COMMIT
"""

import csv
import subprocess
import sys
from pathlib import Path

CURVES = {"valid_loss": "Validation loss", "valid_accuracy": "Validation accuracy"}
BASE_COLOUR, COLOUR = "#999999", "#d1603d"


def content_at(commit: str, path: Path) -> bytes | None:
    """Read a file as it is in a commit; None if it is not there."""
    shown = subprocess.run(["git", "show", f"{commit}:{path.as_posix()}"], capture_output=True)
    return shown.stdout if shown.returncode == 0 else None


def chart(title: str, curves: dict[str, list[float]]) -> str:
    """Draw curves, by colour, as a Mermaid chart: GitHub draws it in comments and in summaries."""
    epochs = max(2, *map(len, curves.values()))
    # Mermaid stretches every line over the whole axis, so a shorter training is drawn on as a level line.
    lines = [values + values[-1:] * (epochs - len(values)) for values in curves.values()]
    return "\n".join(
        [
            "```mermaid",
            f'%%{{init: {{"themeVariables": {{"xyChart": {{"plotColorPalette": "{", ".join(curves)}"}}}}}}}}%%',
            "xychart-beta",
            f'  title "{title}"',
            f'  x-axis "epoch" 1 --> {epochs}',
            *(f"  line [{', '.join(f'{value:.5f}' for value in values)}]" for values in lines),
            "```",
        ]
    )


def main(commit: str) -> None:
    """Print both."""
    pictures = {path: content_at(commit, path) for path in sorted(Path("plots").glob("*.png"))}
    changed = [path.stem for path, before in pictures.items() if before != path.read_bytes()]
    history = Path("plots/history.csv")
    tables = {BASE_COLOUR: content_at(commit, history), COLOUR: history.read_bytes() if history.exists() else None}
    rows = {colour: list(csv.DictReader(text.decode().splitlines())) for colour, text in tables.items() if text}
    print("### Plots\n")
    if COLOUR in rows:
        print(f"Orange: this run. Grey: {commit}.\n")
        for key, title in CURVES.items():
            print(chart(title, {colour: [float(row[key]) for row in table] for colour, table in rows.items()}) + "\n")
    print(f"Pictures that changed: {', '.join(changed) or 'none'} (artifact `results`).")


if __name__ == "__main__":
    main(sys.argv[1])
