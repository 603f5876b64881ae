"""Compare results and DVC's cache with dvc.lock, bit by bit. No DVC stage: `make repro` ends with it.

Reads   dvc.lock, all that it names, DVC's cache
Writes  nothing

Usage: python stages/verify.py [lock]; with `lock`, only whether DVC can read dvc.lock.
"""

import sys
from pathlib import Path

from digitrec.pipeline.stage import run_stage
from digitrec.pipeline.verification import check_lock, check_results


def main(root: Path, part: str = "") -> None:
    if part == "lock":
        check_lock(root)
    else:
        print(f"{check_results(root)} files are what dvc.lock says")


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
