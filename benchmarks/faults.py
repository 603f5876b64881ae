"""Faults at random moments of every stage: does the next `dvc repro` end as if nothing had happened?

Reads   the code, dvc.yaml, params.yaml
Writes  benchmarks/results/faults.json; data/cache/faults (--folder): a finished pipeline, rounds.jsonl, and in failed
        the folder of each round that failed

Usage: python benchmarks/faults.py [--rounds 100] [--kinds kill-all flip-journal] [--stages evaluate] [--seed 0]
A round copies a finished pipeline of tiny settings, undoes one stage, starts `dvc repro` and lets something happen at a
random moment of the stage; fault_kinds.py says what. Then `dvc repro` is to give the files and the dvc.lock of the
pipeline to which nothing happened, or an error; the commands that the error names are typed, and it is run again. Where
none names any, those that `make verify` names are. The stages take turns, in an order drawn from the seed. A killed run
goes on where it was. As many are played at a time as there are cores ($DIGITREC_JOBS). Disks are mounted, where the
system allows it, in a namespace that nobody else sees. Exit status 1 if a round failed.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from fault_kinds import KINDS, Moment, disk, environment_of, why_not
from fault_project import ROOT, SETTINGS, Project, advised
from tqdm import tqdm

from digitrec.errors import DigitrecError
from digitrec.pipeline.environment import jobs_from_environment
from digitrec.pipeline.files import read_json, replacing, write_json
from digitrec.pipeline.jobs import side_by_side
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.progress import progress_bar
from digitrec.pipeline.stage import run_stage

# Of the stage's own time, and a little more: DVC's part at the end is to be hit too.
LATEST = 1.15
# How often commands that errors name are typed, and how often a round is begun anew whose moment came too late.
MOST_ADVICE, MOST_ATTEMPTS = 3, 10
# Outcomes: the same bytes at once, after what an error says was typed, after what `make verify` says was typed.
SAME, MENDED, VERIFIED = "same", "mended", "verified"
MOUNTS = "DIGITREC_FAULTS_MOUNTS"


def code_version() -> str:
    """Hash what a pipeline consists of."""
    files = [path for room in ("src", "stages") for path in sorted((ROOT / room).rglob("*")) if path.is_file()]
    digest = hashlib.sha256(json.dumps(SETTINGS).encode())
    for path in (ROOT / "dvc.yaml", ROOT / "params.yaml", *files):
        if "__pycache__" not in path.parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def finished_pipeline(folder: Path) -> dict[str, float]:
    """Run the pipeline once undisturbed, unless that was done; the seconds of each stage."""
    done, code = folder / "clean.json", code_version()
    if done.exists():
        found = read_json(done)
        if found["code"] != code:
            raise DigitrecError(f"{folder} was begun with other code: remove it, or name another folder (--folder).")
        return found["seconds"]
    if (folder / "clean").exists():
        shutil.rmtree(folder / "clean")
    (folder / "clean").mkdir(parents=True)
    settings = folder / "settings.yaml"
    settings.write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    subprocess.run([sys.executable, ROOT / "demo/prepare.py", folder / "clean/project", settings], check=True)
    project = Project(folder / "clean/project")
    try:
        seconds = _timed(project)
    finally:
        project.end_all()
    write_json(done, {"code": code, "seconds": seconds})
    return seconds


def _timed(project: Project) -> dict[str, float]:
    process, starts = project.repro(), {}
    with progress_bar(len(project.stages), "a run that nothing disturbs", unit="stage") as bar:
        while process.poll() is None:
            for stage in project.at_work(process).keys() - starts:
                starts[stage] = time.monotonic()
                bar.update()
            time.sleep(0.05)
    if process.returncode or starts.keys() != project.stages.keys():
        raise DigitrecError(f"the pipeline fails where nothing disturbs it: see {project.log}")
    ends = [*starts.values(), time.monotonic()][1:]
    return {stage: end - start for (stage, start), end in zip(starts.items(), ends, strict=True)}


def play(
    folder: Path, kind: str, number: int, options: argparse.Namespace, seconds: dict[str, float], mounts: bool
) -> dict[str, Any]:
    """Play a round."""
    possible = list(KINDS[kind].stages or seconds)
    stages = [stage for stage in possible if stage in (options.stages or seconds)] or possible
    random.Random(f"{options.seed}/{kind}").shuffle(stages)
    stage = stages[number % len(stages)]
    row: dict[str, Any] = {"kind": kind, "round": number, "stage": stage}
    for attempt in range(MOST_ATTEMPTS):
        rng = random.Random(f"{options.seed}/{kind}/{number}/{attempt}")
        # Tries whose moment came after the end of the run are made again with earlier ones.
        moment = Moment(stage, rng.uniform(0, LATEST) * seconds[stage] * 0.8**attempt, rng)
        place = folder / f"round-{os.getpid()}"
        with disk(place, kind, mounts):
            shutil.copytree(folder / "clean/project", place / "project", symlinks=True)
            project = Project(place / "project")
            project.environment |= environment_of(kind, project)
            try:
                if KINDS[kind].stale:
                    project.make_stale(stage)
                what = KINDS[kind].happen(project, moment)
                if what is None:
                    continue
                row |= {"after_seconds": round(moment.seconds, 2), "what": what, "traceback": project.traceback()}
                row |= aftermath(project, Project(folder / "clean/project"))
                if row["outcome"] not in (SAME, MENDED, VERIFIED):
                    kept = folder / "failed" / f"{kind}-{number}"
                    shutil.rmtree(kept, ignore_errors=True)
                    shutil.copytree(place, kept, symlinks=True)
            finally:
                project.end_all()
        return row
    return row | {"outcome": "no moment"}


def aftermath(project: Project, clean: Project) -> dict[str, Any]:
    """Run `dvc repro` and compare; type what errors advise, and ask `make verify` where nobody advises anything."""
    typed: list[str] = []
    outcome = SAME
    row: dict[str, Any] = {}
    for _ in range(MOST_ADVICE + 1):
        status, printed = project.run("dvc", "repro")
        row["damaged_cache"] = project.damaged_cache()
        found, expected = ({}, {}) if status else (project.results(), clean.results())
        row["differing"] = sorted(name for name in found | expected if found.get(name) != expected.get(name))
        if not (status or row["damaged_cache"] or row["differing"]):
            return row | {"outcome": outcome, "typed": typed}
        advice = advised(printed) if status else []
        if advice:
            outcome = MENDED if outcome == SAME else outcome
        else:
            advice, outcome = advised(project.run("python", "stages/verify.py")[1]), VERIFIED
        if not advice:
            break
        for command in advice:
            project.run("sh", "-c", command)
        typed += advice
    return row | {"outcome": f"exit status {status}" if status else "silently wrong", "typed": typed}


def rounds_of(path: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Read the rounds that were played; a line that a killed run did not write to its end is removed."""
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with replacing(path) as temporary:
            temporary.write_bytes(whole)
    rows = [json.loads(line) for line in whole.splitlines()]
    return {(row["kind"], row["round"]): row for row in rows}


def summarize(rows: list[dict[str, Any]], left_out: dict[str, str], settings: dict[str, Any]) -> dict[str, Any]:
    """Count the outcomes of each kind."""
    kinds = {}
    for kind, about in KINDS.items():
        of_kind = [row for row in rows if row["kind"] == kind]
        outcomes = Counter(row["outcome"] for row in of_kind)
        kinds[kind] = {
            "title": about.title,
            "rounds": len(of_kind),
            "same": outcomes.pop(SAME, 0),
            "mended": outcomes.pop(MENDED, 0),
            "verified": outcomes.pop(VERIFIED, 0),
            "failed": dict(outcomes),
            "stages": dict(sorted(Counter(row["stage"] for row in of_kind).items())),
        } | ({"left_out": left_out[kind]} if kind in left_out else {})
    failures = [row for row in rows if row["outcome"] not in (SAME, MENDED, VERIFIED)]
    return {"machine": describe_machine(), "settings": settings, "kinds": kinds, "failures": failures}


def with_mounts() -> bool:
    """Go on in a namespace where disks can be mounted that nobody else sees; False where there is none to be had."""
    if MOUNTS in os.environ:
        return True
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    try:
        trial = [*command, "mount", "-t", "tmpfs", "tmpfs", tempfile.gettempdir()]
        subprocess.run(trial, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    os.environ[MOUNTS] = "1"
    os.execvp("unshare", [*command, sys.executable, *sys.argv])


def main(root: Path) -> None:
    """Play, print, write."""
    parser = argparse.ArgumentParser(description="Faults at random moments of every stage.")
    parser.add_argument("--rounds", type=int, default=100, help="of each kind (default: %(default)s)")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, help="which (default: all)")
    parser.add_argument("--stages", nargs="+", help="which (default: all); a kind of none of them takes its own")
    parser.add_argument("--seed", type=int, default=0, help="of moments and of all other chances (default: 0)")
    parser.add_argument("--folder", type=Path, default=root / "data/cache/faults", help="where (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=root / "benchmarks/results/faults.json", help=argparse.SUPPRESS)
    options = parser.parse_args()
    mounts, folder = with_mounts(), options.folder.resolve()
    print(headline(describe_machine()), flush=True)

    left_out = {kind: why for kind in KINDS if (why := why_not(kind, mounts))}
    for kind, why in left_out.items():
        print(f"note: {kind} is left out: {why}")
    for old in folder.glob("round-*"):
        shutil.rmtree(old)
    seconds = finished_pipeline(folder)
    journal = folder / "rounds.jsonl"
    played = rounds_of(journal)
    # In turns, so that a run that is cut short has some of each.
    wanted = [(kind, number) for number in range(options.rounds) for kind in options.kinds if kind not in left_out]
    todo = [each for each in wanted if each not in played]
    with progress_bar(len(wanted), "rounds", unit="round", initial=len(wanted) - len(todo)) as bar:
        tasks = [(folder, kind, number, options, seconds, mounts) for kind, number in todo]
        for _, row in side_by_side(play, tasks, jobs_from_environment(), "playing a round"):
            with open(journal, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            played[row["kind"], row["round"]] = row
            tqdm.write("{kind} {round}, {stage}: {outcome} ({what})".format(**{"what": None} | row))
            bar.update()

    # Those of earlier runs too, of whatever kinds.
    settings = {"seed": options.seed, "disks": "mounted" if mounts else "limited"}
    result = summarize(list(played.values()), left_out, settings)
    write_json(options.out, result)
    for kind, counts in result["kinds"].items():
        print(kind, {key: counts[key] for key in ("rounds", SAME, MENDED, VERIFIED, "failed")}, sep=": ")
    if result["failures"]:
        raise DigitrecError(f"{len(result['failures'])} rounds failed: see {folder / 'failed'}")


if __name__ == "__main__":
    run_stage(main)
