"""Read pages that are composed from digits which no network was trained on, and count what is right.

Reads   data/dataset.json, data/train, data/checkpoints/final_valid_rows.npy, data/export
Writes  metrics/read_pages.json, plots/read_pages.csv, data/pages (the first page of each kind, with what was read)
"""

from pathlib import Path

from digitrec.data.dataset import read_dataset_spec, read_part
from digitrec.evaluation.pages import score_pages, summary
from digitrec.pipeline.files import read_array, write_array, write_csv, write_json
from digitrec.pipeline.stage import run_stage
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.pages import KINDS

# Thresholds were chosen on pages of seeds below this one.
FIRST_SEED = 10_005
# Images that were held out for each page of each of the kinds.
IMAGES_A_PAGE = 300


def main(root: Path) -> None:
    network = ExportedNetwork(root / "data/export")
    held_out = read_array(root / "data/checkpoints/final_valid_rows.npy")
    # Pages are composed of digits as MNIST's; a network that was trained on other images reads none.
    n_pages = max(1, len(held_out) // IMAGES_A_PAGE) * len(KINDS) if network.refuses else 0
    seeds = range(FIRST_SEED, FIRST_SEED + n_pages)
    images, labels = read_part(root / "data/train")
    rows, pictures = score_pages(network, images[held_out][..., 0], labels[held_out], seeds)
    columns = ["seed", "kind", "digits", "right", "extra", "exact"]
    write_csv(root / "plots/read_pages.csv", rows, columns)
    for number, picture in enumerate(pictures.values()):
        write_array(root / f"data/pages/{number}.npy", picture)
    write_json(root / "data/pages/kinds.json", list(pictures))
    if not rows:
        write_json(root / "metrics/read_pages.json", {"pages": 0})
        print(f"{read_dataset_spec(root / 'data/dataset.json').name} holds no digits that pages could be composed of")
        return
    metrics = summary(rows)
    write_json(root / "metrics/read_pages.json", metrics)
    print(
        f"{metrics['right']} of {metrics['digits']} digits are right, "
        f"{metrics['exact']} of {metrics['pages']} pages exact"
    )


if __name__ == "__main__":
    run_stage(main)
