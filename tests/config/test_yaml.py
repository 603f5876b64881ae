"""How params.yaml is read: YAML 1.2's numbers and truth values, and files that are none."""

from pathlib import Path

import pytest

from digitrec.config.params import load_params
from tests.config.committed import COMMITTED, mistakes_of, with_changes, write_params


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-05", 1e-5),
        ("1e-5", 1e-5),
        ("1E-5", 1e-5),
        ("1.0e-05", 1e-5),
        (".5", 0.5),
        ("5.", 5.0),
        ("+1e+1", 10.0),
        ("1", 1.0),
        ("0.001", 0.001),
        ("auto", "auto"),
        ("'auto'", "auto"),
    ],
)
def test_a_learning_rate_in_any_notation_means_what_it_says(tmp_path: Path, text: str, value: object) -> None:
    assert load_params(with_changes(tmp_path, ("lr: auto", f"lr: {text}"))).lr == value


@pytest.mark.parametrize("text", ["010", "10", "+10"])
def test_a_whole_number_is_read_in_base_ten(tmp_path: Path, text: str) -> None:
    assert load_params(with_changes(tmp_path, ("seed: 0", f"seed: {text}"))).seed == 10


def test_a_whole_number_with_a_leading_zero_is_no_crash(tmp_path: Path) -> None:
    assert load_params(with_changes(tmp_path, ("batch_size: auto", "batch_size: 08"))).batch_size == 8


def test_lists_take_numbers_in_any_notation(tmp_path: Path) -> None:
    path = with_changes(tmp_path, ("    lr: [0.0001, 0.001]", "    lr: [1e-05, 1e-4, .001, 1]"))
    assert load_params(path).search.space.lr == [1e-5, 1e-4, 1e-3, 1.0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("yes", "'yes'"),
        ("no", "'no'"),
        ("true", "True"),
        ("''", "''"),
        ("", "nothing"),
        ("null", "nothing"),
        ("'0.001'", "'0.001'"),
        ("0", "0"),
        ("-.5", "-0.5"),
        (".inf", "inf"),
        (".nan", "nan"),
        ("[0.1]", "[0.1]"),
        ("{a: 1}", "{'a': 1}"),
        ("1_000", "'1_000'"),
        ("1:30", "'1:30'"),
    ],
)
def test_what_is_no_learning_rate_is_shown_as_it_was_read(tmp_path: Path, text: str, shown: str) -> None:
    mistakes = mistakes_of(with_changes(tmp_path, ("lr: auto", f"lr: {text}")))
    assert mistakes == [f"lr: got {shown}, expected a number > 0 or 'auto'"]


@pytest.mark.parametrize("extra", ["lr: 0.1\n", "evaluate:\n  gallery: 1\n  confused_pairs: 1\n"])
def test_a_key_that_stands_there_twice_is_a_mistake(tmp_path: Path, extra: str) -> None:
    (mistake,) = mistakes_of(write_params(tmp_path, COMMITTED + extra))
    assert f"key '{extra.partition(':')[0]}' stands there twice" in mistake
    assert "line" in mistake


def test_a_key_that_stands_twice_in_a_section_is_a_mistake(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(with_changes(tmp_path, ("  cv: 3", "  cv: 3\n  cv: 4")))
    assert "key 'cv' stands there twice" in mistake


@pytest.mark.parametrize(
    "text", ["lr: [0.1\n", "a: b: c\n", "\t- x\n", "[1, 2]: 3\n", "lr: !!int x\n", "a: 2024-13-45"]
)
def test_what_is_no_yaml_is_one_message(tmp_path: Path, text: str) -> None:
    (mistake,) = mistakes_of(write_params(tmp_path, text))
    assert mistake.startswith("is no valid YAML: ")
    assert "\n" not in mistake


def test_a_nesting_without_end_and_a_value_of_many_millions_are_one_short_message(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(write_params(tmp_path, "lr: " + "[" * 1000))
    assert mistake.startswith("is no valid YAML: ")
    lists = ["&a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lists += [f"&a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    found = mistakes_of(with_changes(tmp_path, ("lr: auto", f"lr: [{', '.join(lists)}]")))
    assert found[0].startswith("lr: got [[1, 1")
    assert len(found[0]) < 100_000


def test_a_file_in_another_encoding_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(b"dataset: \xff\xfe\n")
    (mistake,) = mistakes_of(tmp_path / "params.yaml")
    assert mistake.startswith("is no valid YAML: ")


@pytest.mark.parametrize(("text", "shown"), [("", "nothing"), ("- a\n", "['a']"), ("mnist\n", "'mnist'")])
def test_a_file_without_keys_is_a_mistake(tmp_path: Path, text: str, shown: str) -> None:
    assert mistakes_of(write_params(tmp_path, text)) == [f"got {shown}, expected keys with values"]


def test_a_missing_file_says_where_to_be(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(tmp_path / "params.yaml")
    assert mistake == f"not found in {tmp_path}; run this from the project's folder"


def test_keys_that_are_no_words_are_unknown(tmp_path: Path) -> None:
    assert mistakes_of(write_params(tmp_path, COMMITTED + "1: 2\n")) == ["[1]: is no known key"]
    for key, shown in (("null", "None"), ("~", "None"), ("0.5", "0.5"), (".nan", "nan")):
        (mistake,) = mistakes_of(write_params(tmp_path, COMMITTED + f"{key}: 2\n"))
        assert mistake.startswith(f"{shown}: is no known key")
    (mistake,) = mistakes_of(with_changes(tmp_path, ("  cv: 3", "  cv: 3\n  null: 4")))
    assert mistake == "search.None: is no known key"
