import ast
import re
from pathlib import Path

import pytest

from digitrec.data import sources

FILES = sorted(Path(sources.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_public_mirrors_are_https_folders(file: Path) -> None:
    texts = [node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)]
    urls = [text for text in texts if isinstance(text, str) and re.match("[a-z]+://", text)]
    assert all(url.startswith("https://") and url.endswith("/") for url in urls)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_that_was_downloaded_is_unpickled_or_unpacked(file: Path) -> None:
    assert not re.search(r"pickle|extractall|\.extract\(|allow_pickle=True|torch\.load", file.read_text())
