"""Say what pip-audit found out about the versions of requirements.lock.

It reports what it could not look up beside "no known vulnerabilities"; here that counts as not known.

Usage: python docs/audit.py REPORT LOG (what pip-audit wrote as JSON, and as messages)
"""

import json
import sys
from pathlib import Path


def summary(report: Path, log: Path) -> tuple[list[str], bool]:
    """Give what there is to say, and whether all packages were looked up and nothing is known against them."""
    try:
        found = json.loads(report.read_text(encoding="utf-8"))["dependencies"]
    except (OSError, ValueError, KeyError, TypeError):
        said = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        last = said[-1] if said else "it said nothing"
        return [f"error: nothing was looked up; is there a way to the service? pip-audit ended with: {last}"], False
    unknown = [package for package in found if "skip_reason" in package]
    known = [package for package in found if "skip_reason" not in package]
    lines = [
        f"{package['name']} {package['version']}: {flaw['id']}, "
        f"mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for package in known
        for flaw in package["vulns"]
    ]
    lines.append(f"{len(known)} of {len(found)} packages were looked up, {len(lines)} flaws are known of them")
    if unknown:
        lines.append(
            f"error: {len(unknown)} packages could not be looked up, so nothing is known of them; the first: "
            f"{unknown[0]['skip_reason']}"
        )
    return lines, len(lines) == 1 and bool(known)


def main() -> int:
    """Print it; the exit status is 0 where all is well."""
    lines, is_well = summary(*map(Path, sys.argv[1:]))
    print("\n".join(lines))
    return not is_well


if __name__ == "__main__":
    sys.exit(main())
