"""Requests a second that `digitrec serve` answers: PNGs of test images, 1 % malformed, 32 connections.

Reads   data/export, data/test/images.npy
Writes  benchmarks/results/serve.json

Usage: python benchmarks/serve.py [--seconds 60] [--connections 32]
The load comes from wrk (Debian: apt-get install wrk) over loopback, on the same cores as the service. Memory is the sum
of the resident set sizes of all of the service's processes: what they share counts more than once.
"""

import argparse
import json
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
from processes import DIGITREC, png

from digitrec.errors import DigitrecError
from digitrec.pipeline.files import read_array, write_json
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage

N_IMAGES = 2000
ONE_IN = 100


def write_images(root: Path, path: Path) -> None:
    """Write PNGs of test images, each with its length before it."""
    with open(path, "wb") as file:
        for image in read_array(root / "data/test/images.npy")[:N_IMAGES]:
            content = png(image)
            file.write(struct.pack(">I", len(content)) + content)


def memory_mb(process: psutil.Process) -> float:
    """Give the megabytes that a process and its children hold."""
    family = [process, *process.children(recursive=True)]
    return round(sum(member.memory_info().rss for member in family) / 1e6, 1)


def cpu_seconds(process: psutil.Process) -> float:
    """Give the seconds that a process and its children have computed."""
    return sum(sum(member.cpu_times()[:2]) for member in [process, *process.children(recursive=True)])


def measure(images: Path, workers: int, seconds: int, connections: int) -> dict[str, object]:
    """Start the service, load it for some seconds, and give what wrk and the processes tell."""
    command = [*DIGITREC, "serve", "--port", "0"]
    with subprocess.Popen([*command, "--workers", str(workers)], stdout=subprocess.PIPE, text=True) as service:
        try:
            url, process = service.stdout.readline().split(" ")[0], psutil.Process(service.pid)
            load = ["wrk", "--threads", "1", "--connections", str(connections)]
            script = ["--script", str(Path(__file__).with_suffix(".lua")), url, "--", str(images), str(ONE_IN)]
            subprocess.run([*load, "--duration", "2s", *script], check=True, capture_output=True)
            memory, before = [memory_mb(process)], cpu_seconds(process)
            with subprocess.Popen(
                [*load, "--duration", f"{seconds}s", *script], stdout=subprocess.PIPE, text=True
            ) as wrk:
                while wrk.poll() is None:
                    time.sleep(1)
                    memory.append(memory_mb(process))
                output = wrk.stdout.read()
            computed = cpu_seconds(process) - before
        finally:
            service.terminate()
    found = json.loads(output.split("RESULT ")[1])
    counts = {key: int(found[key]) for key in ("sent", "sent_malformed", "answered", "refused", "other", "errors")}
    return {
        "workers": workers,
        "requests_per_second": round((found["answered"] + found["refused"]) / found["seconds"]),
        # Unlike the rate, hardly touched by what else the machine does.
        "cpu_us_per_request": round(1e6 * computed / (found["answered"] + found["refused"])),
        "latency_ms": {key: found[key] for key in ("p50", "p90", "p99", "p99.9", "max")},
        "counts": counts,
        # What is still under way when wrk stops is not waited for.
        "none_lost": counts["errors"] == counts["other"] == 0
        and counts["sent"] - counts["answered"] - counts["refused"] <= connections
        and 0 <= counts["sent_malformed"] - counts["refused"] <= connections,
        "memory_mb": {"after_warm_up": memory[0], "largest": max(memory), "last": memory[-1]},
    }


def main(root: Path) -> None:
    """Measure with one worker and with two, print, write."""
    parser = argparse.ArgumentParser(description="Requests a second that the service answers.")
    parser.add_argument("--seconds", type=int, default=60, help="of load (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=32, help="at the same time (default: %(default)s)")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        raise DigitrecError("wrk, which makes the load, is not on the PATH (Debian: apt-get install wrk)")

    machine = describe_machine()
    print(headline(machine))
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        write_images(root, images)
        rows = [measure(images, workers, options.seconds, options.connections) for workers in (1, 2)]
    for row in rows:
        latency, memory = row["latency_ms"], row["memory_mb"]
        print(
            f"{row['workers']} worker(s): {row['requests_per_second']:,} requests/s, p50 {latency['p50']:.1f} ms, "
            f"p99 {latency['p99']:.1f} ms, {row['cpu_us_per_request']} us of CPU each; none lost: {row['none_lost']}; "
            f"memory {memory['after_warm_up']} -> {memory['last']} MB"
        )
    settings = {"seconds": options.seconds, "connections": options.connections, "malformed_one_in": ONE_IN}
    write_json(root / "benchmarks/results/serve.json", {"machine": machine, "settings": settings, "runs": rows})


if __name__ == "__main__":
    run_stage(main)
