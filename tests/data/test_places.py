"""Where people keep a dataset's files, and in which forms."""

import bz2
import gzip
import hashlib
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from digitrec.data import downloads, places
from digitrec.data.downloads import Fetcher, RemoteFile
from digitrec.data.places import copies, local_path
from tests.data.packing import packed
from tests.data.servers import CONTENT, FILE, NAME, WHOLE, files_in, problems, remote, sends, server

UNPACKED = "train-images-idx3-ubyte"
KAGGLE = "train-images.idx3-ubyte"


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (NAME, FILE),
        (NAME, gzip.compress(CONTENT, 1)),
        (NAME, CONTENT),
        (UNPACKED, CONTENT),
        (UNPACKED, FILE),
        (KAGGLE, CONTENT),
        (f"{KAGGLE}.gz", FILE),
        (f"{UNPACKED}/{UNPACKED}", CONTENT),
        (f"{UNPACKED}/{KAGGLE}", CONTENT),
        (f"{NAME}/{UNPACKED}", CONTENT),
        (f"MNIST/raw/{UNPACKED}", CONTENT),
        ("train-images-idx3-ubyte (1).gz", FILE),
        ("TRAIN-IMAGES-IDX3-UBYTE", CONTENT),
        ("train_images_idx3_ubyte.gz", FILE),
        (f"{UNPACKED}.bz2", bz2.compress(CONTENT)),
        (f"{UNPACKED}.xz", lzma.compress(CONTENT)),
    ],
)
def test_a_file_is_known_by_its_content_whatever_it_is_called_and_packed_in(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = _put(tmp_path / "mirror" / name, content)
    assert Fetcher([str(tmp_path / "mirror")], tmp_path / "cache")(remote()) == path
    assert files_in(tmp_path) == [path]


@pytest.mark.parametrize("pack", [_zip, packed])
@pytest.mark.parametrize(("name", "content"), [(NAME, FILE), (f"{UNPACKED}/{UNPACKED}", CONTENT), (KAGGLE, CONTENT)])
def test_a_zip_or_tar_file_may_be_the_mirror(
    tmp_path: Path, pack: Callable[[Path, dict[str, bytes]], Path], name: str, content: bytes
) -> None:
    members = {f"__MACOSX/._{UNPACKED}": b"of the Finder", "t10k-images-idx3-ubyte": b"another", name: content}
    archive = pack(tmp_path / "archive.any", members)
    path = Fetcher([str(archive)], tmp_path / "cache")(remote())
    assert path.read_bytes() == content
    assert sorted(files_in(tmp_path)) == sorted([archive, path])
    archive.unlink()
    assert Fetcher([], tmp_path / "cache")(remote()) == path


def test_a_zip_file_in_a_folder_is_looked_into(tmp_path: Path) -> None:
    _zip(tmp_path / "mirror" / "Downloads" / "archive.ZIP", {KAGGLE: CONTENT})
    assert Fetcher([str(tmp_path / "mirror")], tmp_path / "cache")(remote()).read_bytes() == CONTENT


def test_a_published_zip_file_is_taken_as_it_is(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "mirror" / "gzip.zip", {"gzip/gzip.zip.txt": b"x"})
    file = RemoteFile("gzip.zip", (), md5_of_file=hashlib.md5(archive.read_bytes()).hexdigest())
    for source in (archive, archive.parent):
        assert Fetcher([str(source)], tmp_path / "cache")(file) == archive


@pytest.mark.parametrize(
    "source", ["{0}", "{0}/", "file://{0}", "file://{0}/", "file:{0}", "FILE://localhost{0}", "~/my%20mirror/ä"]
)
def test_paths_may_be_written_in_all_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = _put(tmp_path / "my%20mirror/ä" / NAME, FILE)
    text = str(path.parent)
    if source.lower().startswith("file:"):
        text = text.replace("%", "%25").replace("ä", "%C3%A4")
    assert Fetcher([source.format(text)], tmp_path / "cache")(remote()) == path


def test_the_home_folder_may_stand_in_a_url_and_that_of_nobody_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_path("file://~/mirror") == tmp_path / "mirror"
    (line,) = problems(Fetcher(["~nobody-of-this-name/mirror"], tmp_path / "cache"), remote())
    assert line.startswith(f"  ~nobody-of-this-name/mirror/{NAME}: no such file")


def test_a_member_that_holds_next_to_no_end_is_not_unpacked_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MOST_BYTES", 1_000_000)
    archive = _zip(tmp_path / "a.zip", {UNPACKED: bytes(9_000_000), f"../../{KAGGLE}": CONTENT})
    fetch = Fetcher([str(archive)], tmp_path / "cache")
    # A name that leads out of the archive is a name.
    path = fetch(remote())
    assert files_in(tmp_path) == [archive, path]
    assert path.is_relative_to(tmp_path / "cache")
    _zip(archive, {UNPACKED: bytes(9_000_000)})
    path.unlink()
    (line,) = problems(fetch, remote())
    assert "holds more than 1,000,000 bytes" in line


def test_wrong_and_damaged_copies_are_told_and_the_right_one_beside_them_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    mirror = tmp_path / "mirror"
    _put(mirror / NAME, FILE[:-100])
    _put(mirror / "fashion" / NAME, gzip.compress(b"other"))
    _zip(mirror / "a.zip", {UNPACKED: CONTENT[:-1]})
    _put(mirror / "b.zip", b"PK\3\4 cut short")
    _put(mirror / "readme.txt", b"text")
    right = _put(mirror / "mnist" / UNPACKED, CONTENT)
    assert Fetcher([str(mirror)], tmp_path / "cache")(remote()) == right
    assert capsys.readouterr().out.splitlines() == [
        f"{NAME}: not from {mirror}/{NAME}: the file is cut short ({len(FILE) - 100:,} bytes)",
        f"{NAME}: not from {mirror}/fashion/{NAME}: the SHA-256 of its content is "
        f"{hashlib.sha256(b'other').hexdigest()}, expected {hashlib.sha256(CONTENT).hexdigest()}",
        f"{NAME}: from {right}",
    ]
    right.unlink()
    lines = problems(Fetcher([str(mirror)], tmp_path / "cache"), remote())
    assert lines[2].startswith(f"  {mirror}/a.zip, in it {UNPACKED}: no valid gzip file, nor its content unpacked")
    assert lines[3].startswith(f"  {mirror}/b.zip, in it {NAME}: cannot be unpacked (")
    assert len(lines) == 4


def test_after_a_mirror_without_the_file_the_next_source_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    _put(tmp_path / "mirror" / NAME, gzip.compress(b"other"))
    with server(WHOLE) as (url, _):
        path = Fetcher([str(tmp_path / "mirror")], tmp_path / "cache")(remote(url))
    assert path.read_bytes() == FILE
    assert f"not from {tmp_path}/mirror/{NAME}: the SHA-256" in capsys.readouterr().out


def test_an_archive_with_a_password_is_told_of(tmp_path: Path) -> None:
    content = bytearray(_zip(tmp_path / "x.zip", {UNPACKED: CONTENT}).read_bytes())
    # The first bit of the flags, in the file's head and in the table at the end: is encrypted.
    content[6] |= 1
    content[content.rindex(b"PK\1\2") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(content)
    (line,) = problems(Fetcher([str(tmp_path / "x.zip")], tmp_path / "cache"), remote())
    assert "cannot be unpacked (" in line
    assert "encrypted" in line


def test_of_what_cannot_be_told_from_others_the_packed_file_is_asked_for(tmp_path: Path) -> None:
    _put(tmp_path / "mirror" / UNPACKED, CONTENT)
    file = RemoteFile(NAME, (), md5_of_file=hashlib.md5(FILE).hexdigest())
    (line,) = problems(Fetcher([str(tmp_path / "mirror")], tmp_path / "cache"), file)
    assert line.endswith("no gzip file; an unpacked one is not taken, for only the packed one's checksum is known")


@pytest.mark.parametrize("source", ["s3://bucket/mnist", "ftp://127.0.0.1/mnist"])
def test_other_kinds_of_urls_are_told_of(tmp_path: Path, source: str) -> None:
    (line,) = problems(Fetcher([source], tmp_path), remote())
    assert line == f"  {source}: expected a folder, a zip or tar file, or a URL of https, http or file"


def test_a_mirror_that_is_no_archive_or_not_there_is_told_of(tmp_path: Path) -> None:
    _put(tmp_path / "mirror", b"text")
    first, second = problems(Fetcher([str(tmp_path / "mirror"), str(tmp_path / "none")], tmp_path / "c"), remote())
    assert first.startswith(f"  {tmp_path}/mirror, in it {NAME}: cannot be unpacked (")
    assert second == f"  {tmp_path}/none/{NAME}: no such file, nor {tmp_path}/none"


def test_a_mirror_on_the_web_may_have_unpacked_files_under_either_name(tmp_path: Path) -> None:
    missing = sends(b"", status=404)
    with server(missing, missing, sends(CONTENT)) as (url, asked), server(missing) as (public, asked_public):
        assert Fetcher([url], tmp_path / "a")(remote()).read_bytes() == CONTENT
        assert asked == [f"/mnist/{name}" for name in (NAME, UNPACKED, KAGGLE)]
        problems(Fetcher([], tmp_path / "b"), remote(public))
    assert len(asked_public) == 1


def test_a_huge_folder_is_not_searched_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST_FILES", 5)
    for number in range(10):
        _put(tmp_path / f"{number}" / "other", b"")
    _put(tmp_path / "9" / NAME, FILE)
    _put(tmp_path / NAME, FILE)
    (tmp_path / "0" / "round").symlink_to(tmp_path)
    assert next(copies(tmp_path, NAME)).path == tmp_path / NAME
    assert tmp_path / "9" / NAME not in [copy.path for copy in copies(tmp_path, NAME)]
