"""An hour of `digitrec serve` under load that nobody should meet: is anything answered wrongly, does memory grow?

Reads   data/export (or the model inside the package), data/test/images.npy
Writes  benchmarks/results/endurance.json

Usage: python benchmarks/endurance.py [--minutes 60] [--connections 32] [--workers 2]
Each connection sends PNGs of test images one after the other. One request in twenty is malformed, comes in pieces over
two seconds, or is given up in its middle. Each minute the youngest worker is killed, and half a minute later the model
is loaded again by SIGHUP. An answer is right if it has the request's own id and the label that the same network gives
without the service. What a killed worker was about to answer is cut off: the client sees the connection end, and that
is counted apart; an end at any other time is an answer that was lost. Memory is that of the oldest worker, which is
never killed. The exit status is 1 where anything was lost or wrong, or a worker was not replaced.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
from processes import DIGITREC, png

from digitrec import Recognizer
from digitrec.errors import DigitrecError
from digitrec.pipeline.files import read_array, write_json
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.progress import progress_bar
from digitrec.pipeline.stage import run_stage

N_IMAGES = 500
ODD = 0.05
MALFORMED = (b"a seven", b"\x89PNG\r\n\x1a\n" + b"\0" * 90, b"GIF89a" + b"\xff" * 500)
# Seconds: of a slow request, between kills, before memory counts, for a client to wait, for a worker to be replaced,
# and after a kill in which connections may end.
SLOW, EVERY, WARM, PATIENCE, REPLACED, CUT = 2.0, 60, 60, 60, 30, 5
# Wrong answers that are written down.
MOST_TOLD = 20


class Load:
    """Requests by many connections, and the account of what came back.

    Parameters
    ----------
    port : int
        Of the service, on this machine.
    images : list of (bytes, str or None)
        Files, and how each must be answered.
    """

    def __init__(self, port: int, images: list[tuple[bytes, str | None]]):
        self._port, self._images = port, images
        self.counts, self.wrong, self.killed, self.over = Counter[str](), list[str](), float("-inf"), False

    async def connection(self, number: int) -> None:
        """Send requests until it is over, by a new connection where the one before has ended."""
        chance, n, stream = random.Random(number), 0, None
        while not self.over:
            n += 1
            try:
                if stream is None:
                    stream = await asyncio.open_connection("127.0.0.1", self._port)
                async with asyncio.timeout(PATIENCE):
                    keep = await self._request(*stream, chance, f"{number}-{n}")
            except TimeoutError:
                self._note("lost", f"{number}-{n}: no answer within {PATIENCE} seconds")
                keep = False
            except (OSError, asyncio.IncompleteReadError) as error:
                cut = time.monotonic() - self.killed < CUT
                self._note("cut off by a kill" if cut else "lost", "" if cut else f"{number}-{n}: {error!r}")
                # Where nobody listens for a moment, asking at once would only be loud.
                await asyncio.sleep(0.05)
                keep = False
            if stream and not keep:
                stream[1].close()
                stream = None

    def _note(self, what: str, wrong: str = "") -> None:
        self.counts[what] += 1
        if wrong and len(self.wrong) < MOST_TOLD:
            self.wrong.append(wrong)

    async def _request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random, name: str
    ) -> bool:
        """Send one request and look at its answer; whether the connection can be used again."""
        kind = chance.choice(("malformed", "slow", "aborted")) if chance.random() < ODD else "usual"
        body, label = chance.choice(self._images)
        if kind == "malformed":
            body = chance.choice(MALFORMED)
        head = f"POST /predict HTTP/1.1\r\nhost: a\r\nx-request-id: {name}\r\ncontent-length: {len(body)}\r\n\r\n"
        sent = head.encode() + body
        self.counts[f"sent, {kind}"] += 1
        if kind == "aborted":
            writer.write(sent[: chance.randrange(1, len(sent))])
            await writer.drain()
            return False
        parts = 5 if kind == "slow" else 1
        for k in range(parts):
            writer.write(sent[k * len(sent) // parts : (k + 1) * len(sent) // parts])
            await writer.drain()
            await asyncio.sleep(SLOW / parts if kind == "slow" else 0)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        status, fields = answer.split(" ")[1], dict(line.split(": ", 1) for line in answer.split("\r\n")[1:-2])
        found = json.loads(await reader.readexactly(int(fields["content-length"])))
        expected = ("422", None) if kind == "malformed" else ("200", label)
        if (status, found.get("label"), fields["x-request-id"]) == (*expected, name):
            self._note(f"right, {kind}")
        else:
            self._note("wrong", f"{name}, {kind}: {status} {found}, expected {expected}")
        return True


def workers_of(service: psutil.Process) -> list[psutil.Process]:
    """Give the processes that answer, the oldest first."""
    found = []
    for child in service.children():
        # One that is just ending is none.
        with suppress(psutil.Error):
            if "spawn_main" in " ".join(child.cmdline()):
                found.append((child.create_time(), child))
    return [child for _, child in sorted(found, key=lambda pair: pair[0])]


async def disturb(load: Load, service: psutil.Process, n_workers: int, seconds: int) -> dict[str, object]:
    """Kill a worker and reload the model again and again; what became of workers and memory meanwhile."""
    oldest, memory, files, replaced = workers_of(service)[0], [], [], []
    began, kills, reloads = time.monotonic(), 0, 0
    with progress_bar(seconds, "seconds", unit="s") as bar:
        while (elapsed := time.monotonic() - began) < seconds:
            if elapsed >= EVERY * kills + EVERY / 2 and n_workers > 1:
                youngest = workers_of(service)[-1]
                load.killed, kills = time.monotonic(), kills + 1
                youngest.kill()
                while len(workers_of(service)) < n_workers or youngest in workers_of(service):
                    if time.monotonic() - load.killed > REPLACED:
                        break
                    await asyncio.sleep(0.1)
                else:
                    replaced.append(round(time.monotonic() - load.killed, 1))
            if elapsed >= EVERY * (reloads + 1):
                service.send_signal(signal.SIGHUP)
                reloads += 1
            if elapsed >= WARM:
                memory.append(round(oldest.memory_info().rss / 1e6, 1))
                files.append(oldest.num_fds())
            bar.update(int(elapsed) - bar.n)
            await asyncio.sleep(1)
    return {
        "kills": kills,
        "replaced_after_seconds": replaced,
        "reloads": reloads,
        "oldest_worker_memory_mb": {"first": memory[0], "largest": max(memory), "last": memory[-1]},
        "oldest_worker_open_files": {"first": files[0], "largest": max(files), "last": files[-1]},
    }


async def endure(service: psutil.Process, port: int, images: list, options: argparse.Namespace) -> dict[str, object]:
    """Load the service for some minutes, and tell what came of it."""
    load = Load(port, images)
    clients = [asyncio.create_task(load.connection(number)) for number in range(options.connections)]
    try:
        told = await disturb(load, service, options.workers, round(60 * options.minutes))
    finally:
        load.over = True
    await asyncio.gather(*clients)
    none_lost = not load.counts["wrong"] and not load.counts["lost"]
    return {
        "counts": dict(sorted(load.counts.items())),
        "nothing_wrong_or_lost": none_lost,
        "wrong": load.wrong,
        **told,
        "every_killed_worker_replaced": len(told["replaced_after_seconds"]) == told["kills"],
    }


def main(root: Path) -> None:
    """Start the service, endure, print, write."""
    parser = argparse.ArgumentParser(description="The service under load that nobody should meet.")
    parser.add_argument("--minutes", type=float, default=60, help="of load (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=32, help="at the same time (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="of the service (default: %(default)s)")
    options = parser.parse_args()
    if options.minutes * 60 <= WARM:
        raise DigitrecError(f"--minutes: got {options.minutes:g}, expected more than {WARM / 60:.2g}")

    machine, busy = describe_machine(), os.getloadavg()[0]
    print(headline(machine))
    recognizer, images = Recognizer(), []
    for image in read_array(root / "data/test/images.npy")[:N_IMAGES]:
        content = png(image)
        images.append((content, recognizer.predict(content)["label"]))
    command = [*DIGITREC, "serve", "--port", "0"]
    with subprocess.Popen([*command, "--workers", str(options.workers)], stdout=subprocess.PIPE, text=True) as service:
        try:
            port = int(service.stdout.readline().split(" ")[0].rpartition(":")[2])
            told = asyncio.run(endure(psutil.Process(service.pid), port, images, options))
        finally:
            service.terminate()
    settings = {"minutes": options.minutes, "connections": options.connections, "workers": options.workers}
    result = {"machine": machine, "load_average_before": round(busy, 1), "settings": settings, **told}
    write_json(root / "benchmarks/results/endurance.json", result)
    print(json.dumps(told, indent=2))
    if not told["nothing_wrong_or_lost"] or not told["every_killed_worker_replaced"]:
        raise DigitrecError("the service did not endure; benchmarks/results/endurance.json says what went wrong")


if __name__ == "__main__":
    run_stage(main)
