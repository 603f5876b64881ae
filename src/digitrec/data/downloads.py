"""Fetching files from the first source that has them whole."""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from digitrec.errors import DownloadError
from digitrec.pipeline.files import replacing
from digitrec.pipeline.progress import progress_bar

BLOCK = 1 << 20


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
        Of what a gzip file unpacks to; or
    md5_of_file : str
        of the file itself, where nothing better was published.
    """

    name: str
    mirrors: tuple[str, ...]
    sha256_of_content: str = ""
    md5_of_file: str = ""

    def problem(self, path: Path) -> str:
        """Say what is wrong with the file at `path`; nothing if it is as published."""
        with open(path, "rb") as file:
            start = file.read(64)
        if start.lstrip()[:1] == b"<":
            return "an HTML page, not the file (an error or log-in page?)"
        if self.md5_of_file:
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, "md5").hexdigest()
            return "" if found == self.md5_of_file else f"its MD5 is {found}, expected {self.md5_of_file}"
        try:
            with gzip.open(path, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except EOFError:
            return f"the file is cut short ({path.stat().st_size:,} bytes)"
        except (gzip.BadGzipFile, zlib.error) as error:
            return f"no valid gzip file ({error})"
        expected = self.sha256_of_content
        return "" if found == expected else f"the SHA-256 of its content is {found}, expected {expected}"


# Gives the local path of a file, as `Fetcher` does.
Fetch = Callable[[RemoteFile], Path]


class Fetcher:
    """Fetch files, trying sources in order.

    Parameters
    ----------
    sources : sequence of str
        Folders or URLs that are tried before a file's own mirrors.
    cache : Path
        Where downloaded files are kept; a whole one there is not fetched again.
    timeout : float
        Seconds without an answer, or between two blocks of it, until a source is given up.
    """

    def __init__(self, sources: Sequence[str], cache: Path, timeout: float = 20.0):
        self.sources = list(sources)
        self.cache = cache
        self.timeout = timeout
        self.session = _Session()
        # The files themselves are gzip: they must come as they are.
        self.session.headers["Accept-Encoding"] = "identity"
        busy = (429, 500, 502, 503, 504)
        retry = Retry(total=2, read=1, backoff_factor=0.5, status_forcelist=busy, raise_on_status=False)
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
        """
        kept = self.cache / (file.sha256_of_content or file.md5_of_file)[:16] / file.name
        if kept.exists() and not file.problem(kept):
            return kept
        failures = []
        for source in [*self.sources, *file.mirrors]:
            if source.startswith(("http://", "https://")):
                url = f"{source.rstrip('/')}/{file.name}"
                problem = self._download(url, file, kept)
                path = kept
            else:
                path = Path(source) / file.name
                url = str(path)
                problem = file.problem(path) if path.is_file() else "no such file"
            if not problem:
                print(f"{file.name}: from {source}", flush=True)
                return path
            failures.append(f"  {url}: {problem}")
        raise DownloadError(
            f"{file.name} could not be had. Tried, in this order:\n" + "\n".join(failures) + "\n"
            "Two ways on: put the dataset's files into a folder and name it, "
            "`DIGITREC_MIRROR=/path/to/folder dvc repro`; or run the pipeline on the embedded digits, "
            "without a network, `make demo`."
        )

    def _download(self, url: str, file: RemoteFile, target: Path) -> str:
        try:
            with self.session.get(url, stream=True, timeout=self.timeout) as answer:
                answer.raise_for_status()
                size = int(answer.headers.get("Content-Length") or 0)
                with replacing(target) as temporary:
                    try:
                        _write_with_progress(temporary, answer.iter_content(BLOCK), file.name, size)
                    except requests.RequestException as error:
                        # It is an OSError too, which would be taken for the disk's.
                        raise _Rejected(self._describe(error)) from error
                    problem = file.problem(temporary)
                    if problem:
                        raise _Rejected(problem)
        except _Rejected as error:
            return str(error)
        except requests.HTTPError as error:
            return f"the server said {error.response.status_code} {error.response.reason}"
        except requests.RequestException as error:
            return self._describe(error)
        return ""

    def _describe(self, error: requests.RequestException) -> str:
        # After retries, and within an answer, requests gives a time-out as a ConnectionError.
        if isinstance(error, requests.Timeout) or "timed out" in str(error):
            return f"no answer within {self.timeout:g} s"
        return f"no connection, or it broke off ({type(error).__name__})"


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


def _write_with_progress(path: Path, blocks: Iterable[bytes], label: str, size: int) -> None:
    settings = {"unit": "B", "unit_scale": True, "unit_divisor": 1000, "leave": False}
    with open(path, "wb") as file, progress_bar(size or None, label, **settings) as bar:
        for block in blocks:
            file.write(block)
            bar.update(len(block))
