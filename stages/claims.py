"""Hold every published number against what was measured, in reproduction/.

Reads   params.yaml, claims.yaml, metrics, names of plots, ../metrics/normalize_stats.json, ../data/{baselines,*/labels}
Writes  metrics/claims.json, plots/claims.csv, data/page.md (to be copied to ../REPRODUCTION.md)
"""

from pathlib import Path

from digitrec.pipeline.files import read_array, read_json, replacing, write_csv, write_json
from digitrec.pipeline.stage import run_stage
from digitrec.reproduction.claims import load_claims, load_papers
from digitrec.reproduction.ledger import judge_all
from digitrec.reproduction.measures import Measurements
from digitrec.reproduction.report import flat_rows, report, verdict_counts
from digitrec.reproduction.systems import load_systems


def main(root: Path) -> None:
    systems = load_systems(root / "params.yaml").systems
    claims, papers = load_claims(root / "claims.yaml", systems), load_papers(root / "claims.yaml")
    measured, times = (
        {name: read_json(path) for name in systems if (path := root / f"metrics/{room}/{name}.json").exists()}
        for room in ("systems", "times")
    )
    search, home_made, suspicious = (
        read_json(path) if (path := root / f"metrics/{name}.json").exists() else None
        for name in ("search", "home_made_digits", "suspicious_labels")
    )
    baselines = (root / "../data/baselines").glob("*/predictions.npy")
    measurements = Measurements(
        systems=measured,
        times=times,
        baselines={path.parent.name: read_array(path) for path in baselines},
        test_labels=read_array(root / "../data/test/labels.npy"),
        n_train_images=len(read_array(root / "../data/train/labels.npy")),
        pixels=read_json(path) if (path := root / "../metrics/normalize_stats.json").exists() else None,
        search=search,
    )
    rows = judge_all(claims, measurements)
    pictures = [f"{root.name}/{path.relative_to(root).as_posix()}" for path in sorted(root.glob("plots/**/*.png"))]
    with replacing(root / "data/page.md") as temporary:
        temporary.write_text(report(rows, papers, measurements, home_made, suspicious, pictures), encoding="utf-8")
    flat = flat_rows(rows)
    write_csv(root / "plots/claims.csv", flat, list(flat[0]))
    write_json(root / "metrics/claims.json", rows)
    print(f"{len(rows)} claims: {verdict_counts(rows)}")


if __name__ == "__main__":
    run_stage(main)
