"""Everything that draws: numbers, rows and names in, pictures out."""

import os
from contextlib import suppress

# matplotlib refuses to be imported where $MPLBACKEND names what it does not know, and pictures need no such backend.
_wanted = os.environ.pop("MPLBACKEND", None)
import matplotlib  # noqa: E402

if _wanted is not None:
    os.environ["MPLBACKEND"] = _wanted
    with suppress(ValueError):
        matplotlib.rcParams["backend"] = _wanted
