"""Running a stage script: a mistake ends in one message, an interruption in an exit status that is not zero."""

import errno
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from joblib import cpu_count
from threadpoolctl import threadpool_info, threadpool_limits

from digitrec.errors import DigitrecError


def run_stage(main: Callable[..., None], *arguments: str) -> None:
    """Call `main` with the current folder, which is the project's, and exit.

    The exit status is 0, or 2 after a mistake in `params.yaml`, 1 after any other that a user can mend,
    130 after SIGINT, 143 after SIGTERM. DVC records a stage as done on 0 alone.
    """
    # As an exception, SIGTERM lets worker processes and temporary files be cleared away.
    signal.signal(signal.SIGTERM, _terminate)
    _keep_to_our_cores()
    try:
        _refuse_links(Path.cwd())
        main(Path.cwd(), *arguments)
    except DigitrecError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(error.exit_status)
    except OSError as error:
        # Most files are written by digitrec.pipeline.files, which says more; libraries write some.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        print(f"error: {error}. Make room, then run the same command again.", file=sys.stderr, flush=True)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept; run the same command to go on", file=sys.stderr, flush=True)
        sys.exit(130)


def _refuse_links(root: Path) -> None:
    """Refuse folders of results that are links: DVC does too, but when everything is computed.

    A file may be a link (with `cache.type symlink` results are), and so may be what DVC does not keep: `data/cache`,
    one's own pictures, DVC's cache.
    """
    pipeline = root / "dvc.yaml"
    kept = pipeline.read_text(encoding="utf-8") if pipeline.exists() else ""
    for room in ("data", "metrics", "plots"):
        for path in (root / room, *(root / room).glob("*")):
            name = path.relative_to(root).as_posix()
            # Not also a longer name that begins like it: `data/own` is not `data/own_index.json`.
            results = re.search(rf"- {re.escape(name)}(?![\w.-])", kept)
            if path.is_symlink() and (name == room or (path.is_dir() and results)):
                raise DigitrecError(
                    f"{name} is a link to {path.resolve()}, and DVC keeps no results behind links. Make it a folder: "
                    f"`rm {name} && mkdir {name}`. To have what fills the disk on another one, move DVC's cache: "
                    "`dvc cache dir --local PATH` and `dvc config --local cache.type reflink,symlink`."
                )


def _keep_to_our_cores() -> None:
    """Let libraries start no more threads than this process has cores: of a container's share they know nothing."""
    threadpool_limits({pool["prefix"]: min(pool["num_threads"], cpu_count()) for pool in threadpool_info()})


def _terminate(signum: int, frame: object) -> None:
    print("terminated: what was finished is kept; run the same command to go on", file=sys.stderr, flush=True)
    sys.exit(128 + signum)


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Time a block: what it yields gives the seconds since the start, and after the block those that it took."""
    start, end = time.perf_counter(), None
    yield lambda: round((end or time.perf_counter()) - start, 3)
    end = time.perf_counter()
