"""Tell all that is wrong with params.yaml, before DVC clears away the outputs of any other stage.

What it writes is always the same, so that no stage runs again for it.

Reads   params.yaml, names in src/digitrec/{models,baselines,data/sources}
Writes  data/params_checked
"""

from pathlib import Path

from digitrec.config.params import load_params
from digitrec.errors import ParamsError
from digitrec.pipeline.files import replacing
from digitrec.pipeline.stage import run_stage


def main(root: Path) -> None:
    folder = load_params(root / "params.yaml").folder.path
    # DVC wants it also where the dataset is another.
    if not (root / folder).is_dir():
        raise ParamsError([f"folder.path: got '{folder}', expected a folder that is there, such as data/own"])
    with replacing(root / "data/params_checked") as temporary:
        temporary.write_text("params.yaml had no mistakes\n", encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
