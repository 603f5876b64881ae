"""Print which commit recorded the last run of each stage, in both pipelines. No DVC stage: `make verify` runs it.

Reads   dvc.lock, reproduction/dvc.lock, git's history, what the stages depend on
"""

import textwrap
from pathlib import Path

from digitrec.pipeline.provenance import last_recorded, outdated
from digitrec.pipeline.stage import run_stage


def main(root: Path) -> None:
    for folder in (root, root / "reproduction"):
        recorded, older = last_recorded(folder), outdated(folder)
        print(f"{(folder / 'dvc.lock').relative_to(root)}: {len(recorded)} stages, by the commit that recorded each")
        for entry in sorted(set(recorded.values()), key=lambda each: (each.day, each.commit or "")):
            names = [f"{name}{'*' * (name in older)}" for name, each in recorded.items() if each == entry]
            line = f"{entry.day} {entry.commit or 'not committed'}: {', '.join(names)}"
            print(textwrap.indent(textwrap.fill(line, 110, subsequent_indent="  ", break_on_hyphens=False), "  "))
        if ran := older & recorded.keys():
            print(f"  * {len(ran)} ran with other code, parameters or data than stand here; `dvc repro` runs them")
        if never := older - recorded.keys():
            print(f"  {len(never)} have not run yet")


if __name__ == "__main__":
    run_stage(main)
