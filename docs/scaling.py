"""Tables of docs/scale.md: what a core does in a second, and a search on many workers."""

from pathlib import Path
from typing import Any

from digitrec.pipeline.files import read_json
from docs.markdown import table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"
BILLION = 10**9


def cores() -> str:
    """Give the table of what one core does in a second, and of what a billion pictures take."""
    folder, many, serve, workers = (
        read_json(RESULTS / f"{name}.json") for name in ("folder_decoding", "many", "serve", "search_workers")
    )
    (training,) = (part for part in read_json(RESULTS / "training_speed.json")["tables"] if part["threads"] == 1)
    network, committed = read_json(ROOT / "metrics/times/export.json"), workers["committed"]
    digits, pages = (many["speeds"][what][0]["per_computed_second"] for what in ("digits", "pages"))
    decoded = folder["folders"][-1]["images_per_second"] / folder["settings"]["processes"]
    searched = workers["images"]["halving"] / (committed["seconds"] * committed["jobs"])
    rows = [
        ("a folder of JPEGs of 100x100 made a dataset", decoded, "folder_decoding.py"),
        (
            "training, an image once, recipe `modern`",
            training["ways"]["digitrec_modern"]["images_per_second"],
            "training_speed.py",
        ),
        ("the search's fits, an image once", searched, "search_workers.py"),
        (
            "the network alone, pixels in memory",
            network["1_threads"]["onnxruntime"]["images_per_second"],
            "stage export",
        ),
        ("`predict --out`, PNGs of 28x28", digits, "many.py"),
        ("`read --out`, composed pages", pages, "many.py"),
        ("`serve`, PNGs of 28x28", 1e6 / serve["runs"][0]["cpu_us_per_request"], "serve.py"),
    ]
    cells = [[name, _rate(rate), f"{BILLION / rate / 3600:,.0f}", script] for name, rate, script in rows]
    return table(["", "a core and second", "core hours for 10^9", "measured by"], "lrrl", cells)


def many() -> str:
    """Give the table of pictures a second by the number of processes."""
    found = read_json(RESULTS / "many.json")
    names = {"digits": "`predict --out`, PNGs of 28x28", "pages": "`read --out`, composed pages"}
    machine = found["machine"]
    rows = [
        [
            name,
            str(row["workers"]),
            f"{row['pictures']:,}",
            _rate(row["per_second"]),
            _rate(row["per_computed_second"]),
            f"{row['peak_megabytes']}",
        ]
        for what, name in names.items()
        for row in found["speeds"][what]
    ]
    head = [
        f"{machine['cpu']}, {machine['cores']} cores, load before {found['load_before']}",
        *("processes", "pictures", "a second", "a computed second", "MB"),
    ]
    return table(head, "lrrrrr", rows)


def workers() -> str:
    """Give the table of a search on many workers."""
    found = read_json(RESULTS / "search_workers.json")["searches"]
    rows = [
        [str(halving["workers"]), *_search(halving), *_search(grid)]
        for halving, grid in zip(found["halving"], found["grid"], strict=True)
    ]
    return table(["workers", "`halving`, s", "busy", "`grid`, s", "busy"], "rrrrr", rows)


def _search(row: dict[str, Any]) -> list[str]:
    return [f"{row['seconds']:,.0f}", f"{100 * row['busy']:.0f} %"]


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"
