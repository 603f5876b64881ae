"""What a command and all that it starts reach over a network, and leave in the home folder."""

import ipaddress
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

# Whatever names an address to the system, and programs that are started to do so.
CALLS = "connect,sendto,sendmsg,sendmmsg,execve"
ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
# Questions for a name's address, which a service of the same machine may pass on; and DVC's reports on its use.
OTHERS = re.compile(r'htons\(53\)|io\.systemd\.Resolve|execve\(.*"daemon", "(?:analytics|updater)"')


@cache
def can_trace() -> bool:
    """Whether there is strace (Debian: apt-get install strace), and it may look at processes."""
    return bool(shutil.which("strace")) and not subprocess.run(["strace", "-qqo", "/dev/null", "true"]).returncode


def traced(log: Path) -> list[str]:
    """What to put before a command so that `log` tells where it went; nothing where that cannot be known."""
    if not can_trace():
        return []
    options = ["--follow-forks", "--seccomp-bpf", "-qq", "-yy", "--string-limit=200", f"--trace={CALLS}"]
    return ["strace", *options, f"--output={log}"]


def reached(log: Path) -> list[str]:
    """Calls by which something left this machine, or asked the way."""
    return [line for line in log.read_text(errors="replace").splitlines() if _leaves(line)]


def _leaves(line: str) -> bool:
    addresses = [ipaddress.ip_address(one or other) for one, other in ADDRESS.findall(line)]
    return bool(OTHERS.search(line)) or any(
        not (address.is_loopback or address.is_unspecified) for address in addresses
    )


def home_of(folder: Path) -> dict[str, str]:
    """An environment whose home folder is `folder`, in which there is nothing yet; none where nothing is traced."""
    if not can_trace():
        return {}
    folder.mkdir()
    rooms = {"XDG_CACHE_HOME": ".cache", "XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".local/share"}
    return {"HOME": str(folder)} | {name: str(folder / room) for name, room in rooms.items()}


def left_in(folder: Path) -> list[str]:
    """Files below a home folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())
