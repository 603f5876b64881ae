import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from digitrec.errors import ArtifactError
from digitrec.pipeline.files import read_array, read_csv, read_json, replacing, write_array, write_csv, write_json

# A process that may not write files over 1000 bytes meets an error of the system in the middle, as on a full disk.
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from digitrec.pipeline import files
from digitrec.errors import ArtifactError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
path = Path(sys.argv[1])
try:
    {write}
except ArtifactError as error:
    sys.exit(str(error))
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    "write",
    [
        "files.write_json(path, list(range(1000)))",
        "files.write_csv(path, [{'a': k} for k in range(1000)], ['a'])",
        "files.write_array(path, np.zeros(10**6))",
    ],
    ids=["json", "csv", "array"],
)
def test_a_full_disk_is_one_message_and_leaves_the_old_file(tmp_path: Path, write: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(b"old")
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK.format(write=write), str(path)], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr.startswith(f"cannot write {path}: ")
    assert "Nothing was overwritten; make room" in result.stderr
    assert "Traceback" not in result.stderr
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["metrics.json"]


def test_a_killed_write_leaves_the_old_file_and_the_next_one_clears_up(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"old")
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from digitrec.pipeline.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", script, str(path)])
    assert result.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"new"
    assert _names(tmp_path) == ["weights.bin"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_while_writing_is_passed_on_and_leaves_the_old_file(tmp_path: Path, kind: type[BaseException]) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def write() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise kind

    with pytest.raises(kind):
        write()
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["a.json"]


def test_a_row_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{"a": 1}], ["a"])
    with pytest.raises(ValueError, match="b"):
        write_csv(tmp_path / "a.csv", [{"a": 2}, {"b": 3}], ["a"])
    assert read_csv(tmp_path / "a.csv") == [{"a": "1"}]
    assert _names(tmp_path) == ["a.csv"]


def test_the_file_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "a.bin"
    with replacing(path) as temporary:
        temporary.write_bytes(b"x")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_bytes() == b"x"


def test_who_is_reading_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, "old")
    with open(path) as reader:
        write_json(path, "new")
        assert reader.read() == '"old"\n'
    assert read_json(path) == "new"


def test_a_place_that_cannot_be_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match=r"cannot write .*/file/a\.json: (Not a directory|File exists)"):
        write_json(tmp_path / "file" / "a.json", 1)


def test_a_folder_in_the_way_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(ArtifactError, match=r"cannot write .*a\.json: Is a directory"):
        write_json(tmp_path / "a.json", 1)
    assert _names(tmp_path) == ["a.json"]


def test_json_round_trip_ends_with_a_newline(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    value = {"z": [1, 2.5, None], "a": {"text": "±"}}
    write_json(path, value)
    assert read_json(path) == value
    assert path.read_text(encoding="utf-8").endswith("}\n")
    assert list(read_json(path)) == ["z", "a"]


def test_nan_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert _names(tmp_path) == []


def test_csv_round_trip_has_a_header_and_unix_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [{"epoch": 1.0, "loss": 0.123456789012345}, {"epoch": 2.0, "loss": 1e-9}]
    write_csv(path, rows, ["epoch", "loss"])
    assert read_csv(path) == [{key: str(value) for key, value in row.items()} for row in rows]
    assert path.read_bytes().startswith(b"epoch,loss\n1.0,")
    assert b"\r" not in path.read_bytes()


def test_a_value_that_a_row_lacks_is_left_empty(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{"a": 1}], ["a", "b"])
    assert (tmp_path / "a.csv").read_text() == "a,b\n1,\n"


def test_arrays_come_back_mapped_and_read_only(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_array(tmp_path / "a.npy", array.transpose(0, 2, 1))
    found = read_array(tmp_path / "a.npy")
    assert isinstance(found, np.memmap)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, array.transpose(0, 2, 1))
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0, 0] = 1


def test_the_same_array_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npy", "b.npy"):
        write_array(tmp_path / name, np.arange(10.0))
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_objects_are_not_pickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        write_array(tmp_path / "a.npy", np.array([{}]))
    np.save(tmp_path / "evil.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ArtifactError, match="is damaged"):
        read_array(tmp_path / "evil.npy")


@pytest.mark.parametrize("read", [read_json, read_csv, read_array])
def test_a_missing_file_says_how_to_make_it(tmp_path: Path, read: object) -> None:
    with pytest.raises(ArtifactError, match=r"nothing\.x is missing: run `dvc repro`"):
        read(tmp_path / "nothing.x")


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (read_json, b'{"mean": 0.1'),
        (read_json, b""),
        (read_json, b'{"mean": "\xff"}'),
        (read_csv, b"epoch,loss\n1,0.5\n2\n"),
        (read_csv, b"epoch,loss\n1,0.5,7\n"),
        (read_csv, b'epoch,loss\n"1,2\n'),
        (read_csv, b"epoch,loss\n1,\xff\n"),
        (read_array, b""),
        (read_array, b"<html>no array</html>"),
        (read_array, b"\x93NUMPY\x01\x00"),
    ],
)
def test_a_damaged_file_is_one_message(tmp_path: Path, read: object, content: bytes) -> None:
    (tmp_path / "a.x").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"a\.x is damaged \(.*\): remove it and run `dvc repro`"):
        read(tmp_path / "a.x")


def test_an_array_cut_short_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    write_array(path, np.zeros((100, 28, 28), np.uint8))
    os.truncate(path, 50_000)
    with pytest.raises(ArtifactError, match="is damaged"):
        read_array(path)


def test_a_table_is_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('class,n\n007,1\n"Greek, ancient",\nжук,3\n', encoding="utf-8")
    assert read_csv(tmp_path / "a.csv") == [
        {"class": "007", "n": "1"},
        {"class": "Greek, ancient", "n": ""},
        {"class": "жук", "n": "3"},
    ]


def test_a_bit_that_flipped_in_the_header_of_an_array_is_one_message_or_means_nothing(tmp_path: Path) -> None:
    path, damaged = tmp_path / "a.npy", 0
    write_array(path, np.arange(3))
    content = path.read_bytes()
    for position in range(content.index(b"{"), content.index(b"}") + 1):
        for bit in (0, 3, 6):
            path.write_bytes(bytes(byte ^ (1 << bit) * (at == position) for at, byte in enumerate(content)))
            try:
                read_array(path)
            except ArtifactError:
                damaged += 1
    assert damaged > 150
