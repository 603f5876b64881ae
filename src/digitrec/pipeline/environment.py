"""What the environment says: settings that change where and how fast something is computed, never what comes out."""

import os

from joblib import cpu_count

from digitrec.errors import DigitrecError


def jobs_from_environment() -> int:
    """Read `DIGITREC_JOBS`: fits at a time, or threads of a baseline; by default as many as there are cores.

    Raises
    ------
    DigitrecError
        When it is no whole number >= 1.
    """
    text = os.environ.get("DIGITREC_JOBS", "")
    if not text:
        # joblib knows of a container's share of the cores and of the cores that this process may use.
        return cpu_count()
    if not text.isdecimal() or int(text) < 1:
        raise DigitrecError(f"DIGITREC_JOBS: got '{text}', expected a whole number >= 1")
    return int(text)


def device_from_environment() -> str:
    """Read `DIGITREC_DEVICE`: `cpu`, `cuda`, `cuda:N`, or `auto` (the default), which takes a GPU if there is one.

    Raises
    ------
    DigitrecError
        When there is no such device.
    """
    import torch  # Takes two seconds, which those who ask for jobs need not wait.

    wanted = os.environ.get("DIGITREC_DEVICE", "auto")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise DigitrecError(
            f"DIGITREC_DEVICE: got '{wanted}', expected auto, cpu, or a GPU that is here such as cuda "
            f"({str(error).splitlines()[0]})"
        ) from error
    return wanted


def scheduler_from_environment() -> str | None:
    """Read `DIGITREC_SCHEDULER`: the address of a Dask scheduler, if tasks go to one."""
    return os.environ.get("DIGITREC_SCHEDULER") or None


def mirror_from_environment() -> str | None:
    """Read `DIGITREC_MIRROR`: a folder, zip or tar file or URL with a dataset's original files, if there is one."""
    return os.environ.get("DIGITREC_MIRROR", "").strip() or None
