"""Fetching files from the first source that has them whole."""

import gzip
import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from digitrec.data.archives import DAMAGE, GZIP, open_unpacked
from digitrec.data.places import Copy, copies, local_path, unpacked_names
from digitrec.errors import DownloadError
from digitrec.pipeline.files import replacing
from digitrec.pipeline.progress import progress_bar

BLOCK = 1 << 18
# Bytes a second, below which a source is given up: MNIST in 45 minutes.
LEAST_RATE = 4_000
# More than any dataset's file, for a server that never ends.
MOST_BYTES = 5_000_000_000
MOST_REDIRECTS = 5
# Of what a library or a server says in an error.
MOST_LETTERS = 200
# Files in one place whose names are right and whose content is not, until it is given up.
MOST_COPIES = 50
Result = TypeVar("Result")
# It warns of odd headers, with a traceback; what they come to is said here.
logging.getLogger("urllib3").setLevel(logging.ERROR)


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Parameters
    ----------
    name : str
        Its name at every source.
    mirrors : tuple of str
        URLs of folders that hold it: https, for a checksum such as MD5 says little about who sent the file.
    sha256_of_content : str
        Of what a packed file unpacks to, by which unpacked copies are known too; or
    md5_of_file : str
        of the file itself, where nothing better was published; or both.
    """

    name: str
    mirrors: tuple[str, ...]
    sha256_of_content: str = ""
    md5_of_file: str = ""

    def problem(self, path: Path) -> str:
        """Say what is wrong with the file at `path`; nothing if it is as published, or the same once unpacked."""
        try:
            with open(path, "rb") as file:
                start = file.read(64)
                file.seek(0)
                md5 = hashlib.file_digest(file, "md5").hexdigest() if self.md5_of_file else ""
            if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
                return "an HTML page, not the file (an error or log-in page?)"
            if md5 and md5 == self.md5_of_file:
                return ""
            if self.sha256_of_content:
                digest = hashlib.sha256()
                with open_unpacked(path) as unpacked:
                    for block in _blocks(unpacked):
                        digest.update(block)
                content = digest.hexdigest()
                if content == self.sha256_of_content:
                    return ""
                problem = f"the SHA-256 of its content is {content}, expected {self.sha256_of_content}"
            else:
                problem = f"its MD5 is {md5}, expected {self.md5_of_file}"
        except _Rejected as error:
            return str(error)
        except EOFError:
            return f"the file is cut short ({path.stat().st_size:,} bytes)"
        except DAMAGE as error:
            return f"no valid gzip file ({_line(error)})"
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        if self.name.endswith(".gz") and not start.startswith(GZIP):
            if self.sha256_of_content:
                return f"no valid gzip file, nor its content unpacked: {problem}"
            return "no gzip file; an unpacked one is not taken, for only the packed one's checksum is known"
        return problem


# Gives the local path of a file, as `Fetcher` does; where its content was packed, it may be unpacked.
Fetch = Callable[[RemoteFile], Path]


class Fetcher:
    """Fetch files, trying sources in order; what is wrong with one is printed before the next is tried.

    Parameters
    ----------
    sources : sequence of str
        Folders, zip or tar files, or URLs (https, http, file) that are tried before a file's own mirrors.
    cache : Path
        Where downloaded files are kept; a whole one there is not fetched again.
    timeout : float
        Seconds without an answer, or between two pieces of it, until a source is given up; one that is slow but not
        silent has twice as many to begin its answer.
    """

    def __init__(self, sources: Sequence[str], cache: Path, timeout: float = 8.0):
        self.sources = list(sources)
        self.cache = cache
        self.timeout = timeout
        # Sources that cost time and gave nothing: the next file is looked for there last.
        self.silent: set[str] = set()
        self.session = _Session()
        self.session.max_redirects = MOST_REDIRECTS
        # The files themselves are gzip: they must come as they are.
        self.session.headers["Accept-Encoding"] = "identity"
        busy = (429, 500, 502, 503, 504)
        # Asked again at once and after a second. How long a server would have us wait does not matter: another has it.
        retry = Retry(
            total=2,
            connect=0,
            read=0,
            other=0,
            backoff_factor=0.5,
            status_forcelist=busy,
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(max_retries=retry))

    def __call__(self, file: RemoteFile) -> Path:
        """Fetch one file.

        Returns
        -------
        Path
            A local copy whose checksum is right.

        Raises
        ------
        DownloadError
            When no source gave it: names each, and why it failed.
        ArtifactError
            When it cannot be written here, which no other source would change.
        """
        kept = self.cache / (file.sha256_of_content or file.md5_of_file)[:16] / file.name
        if kept.exists() and not file.problem(kept):
            return kept
        failures = []
        for source in sorted([*self.sources, *file.mirrors], key=self.silent.__contains__):
            for where, path, problem in self._try(source, file, kept):
                if not problem:
                    print(f"{file.name}: from {where}", flush=True)
                    return path
                # A server's own words may hold what a terminal takes for commands.
                problem = "".join(letter for letter in problem if letter.isprintable())
                print(f"{file.name}: not from {where}: {problem}", flush=True)
                failures.append(f"  {where}: {problem}")
        raise DownloadError(
            f"{file.name} could not be had. Tried, in this order:\n" + "\n".join(failures) + "\n"
            "Two ways on: put the dataset's files, packed or not, into a folder or a zip file and name it, "
            "`DIGITREC_MIRROR=/path/to/folder dvc repro`; or run the pipeline on the embedded digits, "
            "without a network, `make demo`."
        )

    def _try(self, source: str, file: RemoteFile, kept: Path) -> Iterator[tuple[str, Path, str]]:
        """Try the copies of a file at one source: yield where each is, its path here, and what is wrong with it."""
        scheme = re.match("([a-z][a-z0-9+.-]+)://", source.lower())
        if scheme and scheme[1] in ("http", "https"):
            own = source in self.sources and file.sha256_of_content
            for name in dict.fromkeys([file.name, *(unpacked_names(file.name) if own else [])]):
                url = f"{source.rstrip('/')}/{name}"
                problem = self._download(url, file, kept)
                if problem.startswith(("no answer", "no connection", "too slow")):
                    self.silent.add(source)
                # Without a name and password, which are not for everybody who reads what was printed.
                yield re.sub("(?<=://)[^/@]*@", "", url), kept, problem
                if not problem.startswith(("the server said 403", "the server said 404")):
                    return
        elif scheme and scheme[1] != "file":
            yield source, kept, "expected a folder, a zip or tar file, or a URL of https, http or file"
        else:
            place = local_path(source)
            try:
                found = list(islice(copies(place, file.name), MOST_COPIES))
                for copy in found:
                    yield str(copy), *_taken(copy, file, kept)
                if not found:
                    yield str(place / file.name), kept, "no such file" + ("" if place.exists() else f", nor {place}")
            except OSError as error:
                yield str(place), kept, f"cannot be read: {error.strerror or error}"

    def _download(self, url: str, file: RemoteFile, target: Path) -> str:
        """Put what a server sends at `target` if it is the file; otherwise say what is wrong."""
        try:
            # In a thread of its own, which is left alone with a server that goes on saying nothing.
            answer = _within(2 * self.timeout, lambda: self.session.get(url, stream=True, timeout=self.timeout))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError, _Rejected) as error:
            return self._describe(error)
        with answer:
            if answer.status_code >= 300:
                return f"the server said {answer.status_code} {answer.reason or ''}".rstrip()
            try:
                with replacing(target) as temporary:
                    ended = self._receive(answer, temporary, file.name)
                    problem = file.problem(temporary)
                    if problem and "gzip" in answer.headers.get("Content-Encoding", "").lower():
                        # Beside a right .gz, which is taken by now, or of a server that packed the file for the way.
                        problem = _unpack(temporary) or file.problem(temporary)
                    if problem:
                        raise _Rejected(ended or problem)
            except _Rejected as error:
                return str(error)
        return ""

    def _receive(self, answer: requests.Response, path: Path, label: str) -> str:
        """Write what comes, as it comes; say why it ended if it did not end by itself."""
        length = answer.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() and len(length) < 16 else None
        settings = {"unit": "B", "unit_scale": True, "unit_divisor": 1000, "leave": False}
        total = recent = 0
        since = time.monotonic()
        with open(path, "wb") as file, progress_bar(size or None, label, **settings) as bar:
            while True:
                try:
                    block = answer.raw.read1(BLOCK, decode_content=False)
                except (urllib3.exceptions.HTTPError, OSError) as error:
                    # The second is what the disk's errors are too.
                    return self._describe(error)
                if not block:
                    return ""
                file.write(block)
                bar.update(len(block))
                total, recent = total + len(block), recent + len(block)
                seconds = time.monotonic() - since
                if seconds > self.timeout:
                    if recent < LEAST_RATE * seconds:
                        return f"too slow: {recent:,} bytes in {seconds:.1f} s"
                    since, recent = time.monotonic(), 0
                if total > MOST_BYTES:
                    return f"sends more than {MOST_BYTES:,} bytes, which is no file of a dataset"

    def _describe(self, error: Exception) -> str:
        if isinstance(error, _Rejected):
            return str(error)
        # After retries, and within an answer, requests gives a time-out as a ConnectionError.
        if isinstance(error, TimeoutError | requests.Timeout) or "timed out" in str(error):
            return f"no answer within {self.timeout:g} s"
        if isinstance(error, requests.TooManyRedirects):
            return f"it sends us on and on, more than {MOST_REDIRECTS} times"
        cause = _innermost(error)
        text = getattr(cause, "strerror", None) or _line(cause)
        if isinstance(error, requests.exceptions.ProxyError):
            return f"the proxy gives no connection ({text}); HTTP_PROXY and HTTPS_PROXY name it"
        if isinstance(error, requests.exceptions.SSLError):
            return (
                f"no secure connection ({text}); a proxy's own certificate belongs into a file that "
                "REQUESTS_CA_BUNDLE names"
            )
        if isinstance(error, requests.ConnectionError | urllib3.exceptions.HTTPError):
            return f"no connection, or it broke off ({text})"
        return f"the request or its answer makes no sense ({text})"


class _Rejected(Exception):
    """What was downloaded is not the file: leave the target as it was."""


class _Session(requests.Session):
    """Goes where a server sends it, but not from https to what anybody on the way can change."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target:
            url = urljoin(resp.url, target)
            if urlsplit(url).scheme not in ("https", urlsplit(resp.url).scheme):
                raise _Rejected(f"it sends us on to {url}, which is not {urlsplit(resp.url).scheme}")
        return target


def _within(seconds: float, function: Callable[[], Result]) -> Result:
    """Call a function; raise a TimeoutError after so many seconds, whatever it waits for then."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(seconds)


def _taken(copy: Copy, file: RemoteFile, kept: Path) -> tuple[Path, str]:
    """Take a copy where it lies, or out of its archive to `kept`; say what is wrong with it."""
    if not copy.member:
        return copy.path, file.problem(copy.path)
    try:
        with replacing(kept) as temporary:
            try:
                with copy.open() as member, open(temporary, "wb") as target:
                    for block in _blocks(member):
                        target.write(block)
            except DAMAGE as error:
                raise _Rejected(f"cannot be unpacked ({_line(error)})") from error
            if problem := file.problem(temporary):
                raise _Rejected(problem)
    except _Rejected as error:
        return kept, str(error)
    return kept, ""


def _unpack(path: Path) -> str:
    """Unpack a gzip file where it is; say what is wrong with it."""
    unpacked = path.with_name(f"{path.name}.unpacked")
    try:
        with gzip.open(path) as packed, open(unpacked, "wb") as target:
            for block in _blocks(packed):
                target.write(block)
        unpacked.replace(path)
    except _Rejected as error:
        return str(error)
    except DAMAGE as error:
        return f"no valid gzip file ({_line(error)})"
    finally:
        unpacked.unlink(missing_ok=True)
    return ""


def _blocks(file: BufferedIOBase) -> Iterator[bytes]:
    """Yield what a file holds piece by piece: a small packed one may hold what has next to no end."""
    total = 0
    while block := file.read(BLOCK):
        total += len(block)
        if total > MOST_BYTES:
            raise _Rejected(f"holds more than {MOST_BYTES:,} bytes, which is no file of a dataset")
        yield block


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(":")[:MOST_LETTERS] if lines else type(error).__name__


def _innermost(error: BaseException) -> BaseException:
    """Go from what a library says to what it was told."""
    for inner in (getattr(error, "reason", None), *reversed(error.args), error.__cause__):
        if isinstance(inner, BaseException):
            return _innermost(inner)
    return error
