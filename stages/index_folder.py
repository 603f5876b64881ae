"""Fingerprint the folder of one's own images, if that is the dataset.

A stage of its own, so that the download of another dataset does not depend on the folder.

Reads   params.yaml, the folder that it names
Writes  data/own_index.json
"""

from pathlib import Path

from digitrec.config.params import load_params
from digitrec.data.folder_index import index_folder
from digitrec.pipeline.files import write_json
from digitrec.pipeline.stage import run_stage


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    index = {}
    if params.dataset == "folder":
        index = {
            # All that the images depend on but the dataset's name.
            "folder": params.folder.model_dump(mode="json"),
            **index_folder(root / params.folder.path),
        }
        print(f"{params.folder.path}: {index['files']:,} files, {index['bytes']:,} bytes")
    write_json(root / "data/own_index.json", index)


if __name__ == "__main__":
    run_stage(main)
