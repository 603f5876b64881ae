"""Whatever is handed over, it is answered rightly or refused in words, within a time, and nothing is left behind.

`make fuzz` tries many more cases of each kind: as many as $CASES says, and others each time.
"""

import asyncio
import gzip
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from digitrec.config.params import Params, load_params
from digitrec.data.dataset import check_dataset
from digitrec.data.folder_listing import list_folder
from digitrec.data.idx import load_idx, md5_files
from digitrec.data.sources import folder as own_pictures
from digitrec.errors import DigitrecError
from digitrec.reading.decoding import decode, decode_picture
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.opening import MAX_PIXELS
from digitrec.reproduction.claims import load_claims, load_papers
from digitrec.reproduction.systems import load_systems
from digitrec.serve.answering import Answering
from digitrec.serve.app import build_app
from digitrec.serve.pages import PageAnswer
from digitrec.serve.schemas import Answer, Mistake
from digitrec.spec import FolderSpec
from digitrec.training.checkpoints import load_checkpoint, save_checkpoint
from digitrec.training.network import build_network
from tests.any_input import SIDE, changed, damaged, picture_files, yaml_of
from tests.exported import SHADES, description, mean_network
from tests.tiny import DATASET, DIGITS, IMAGE, NORMALIZATION, ROOT, SMALL_MLP, idx_bytes, small_training, some_digits

CASES = int(os.environ.get("CASES", "200"))
# Of one case's work, on one core: the largest picture takes some seconds.
MOST_SECONDS = 15
# Of a message about what has some thousand letters itself.
MOST_LETTERS = 60_000
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]
every_case = settings(
    max_examples=CASES,
    # The same cases each time, but for `make fuzz`, which tries first what it found the last time.
    derandomize="CASES" not in os.environ,
    deadline=None,
    # A file that is damaged in four places is not much clearer when it is made smaller.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder, the current one and that for temporary files."""
    here = tmp_path_factory.mktemp("any input")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setattr(tempfile, "tempdir", str(here))
        patch.setenv("DIGITREC_JOBS", "1")
        yield here


@contextmanager
def refused_or_answered(folder: Path) -> Iterator[None]:
    """The one outcome or the other, in time; files are those that there were."""
    before, start = sorted(folder.rglob("*")), time.process_time()
    told = "an answer"
    try:
        yield
    except DigitrecError as error:
        told = str(error)
    assert 0 < len(told) < MOST_LETTERS
    assert time.process_time() - start < MOST_SECONDS
    assert sorted(folder.rglob("*")) == before


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.slow
@every_case
@given(yaml_of(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))))
def test_params(folder: Path, content: bytes) -> None:
    path = put(folder / "params.yaml", content)
    with refused_or_answered(folder):
        params = load_params(path)
        assert Params.model_validate(params.model_dump()) == params


SYSTEMS = load_systems(ROOT / "reproduction/params.yaml").systems
CLAIMS = yaml.safe_load((ROOT / "reproduction/claims.yaml").read_text(encoding="utf-8"))
# One of each quantity.
CLAIMS["claims"] = list({claim["quantity"]: claim for claim in CLAIMS["claims"]}.values())[:8]
named = {claim["system"].partition("-")[0] for claim in CLAIMS["claims"]}
CLAIMS["papers"] = {name: CLAIMS["papers"][name] for name in sorted(named)}


@pytest.mark.slow
@every_case
@given(yaml_of(CLAIMS))
def test_claims(folder: Path, content: bytes) -> None:
    path = put(folder / "claims.yaml", content)
    with refused_or_answered(folder):
        claims, papers = load_claims(path, SYSTEMS), load_papers(path)
        text = content.decode().lower()
        assert claims
        assert papers
        # As printed, but for the E of a power of ten.
        assert all(str(number).lower() in text for claim in claims for number in claim.bounds)


IDX_FILES = [idx_bytes(some_digits(3)[0][..., 0]), idx_bytes(np.array([5, -1], np.int32)), b"\0\0\x0e\0" + bytes(8)]


@every_case
@given(damaged(IDX_FILES) | damaged([gzip.compress(each, mtime=0) for each in IDX_FILES]))
def test_idx(folder: Path, content: bytes) -> None:
    path = put(folder / "images", content)
    with refused_or_answered(folder):
        [array] = load_idx(lambda file: path, md5_files((), {"images": ""}))
        unpacked = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        assert unpacked.endswith(array.astype(array.dtype.newbyteorder(">")).tobytes())
        # As many axes as the header says; grey pictures get one for their channel.
        assert array.ndim == unpacked[3] + (unpacked[3] == 3)


@pytest.mark.slow
@every_case
@given(damaged(picture_files()))
def test_pictures(folder: Path, content: bytes) -> None:
    for way, axes in ((decode, 2), (decode_picture, 3)):
        with refused_or_answered(folder):
            pixels = way(content, "picture")
            assert pixels.dtype == np.uint8
            assert pixels.ndim == axes
            assert 0 < pixels.shape[0] * pixels.shape[1] <= MAX_PIXELS


NAMES = st.sampled_from(
    ["1.png", "2.jpg", "a b.PNG", "é.tif", "new\nline.png", ".hidden.png", "note.txt", "labels.csv", "x.gif"]
)
PLACES = st.sampled_from(["", "a/", "b/", "c d/", "a/e/", "train/a/", "test/a/", "train/b/", ".git/"])
PICTURES = st.dictionaries(
    st.builds(str.__add__, PLACES, NAMES), st.sampled_from(picture_files()) | damaged(picture_files()), max_size=6
)


@contextmanager
def laid_out(folder: Path, files: dict[str, bytes]) -> Iterator[Path]:
    own = folder / "own"
    for name, content in files.items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_bytes(content)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


@pytest.mark.slow
@every_case
@given(PICTURES, st.booleans())
def test_folders(folder: Path, pictures: dict[str, bytes], skip: bool) -> None:
    files = {f"{label}/good {n}.png": picture_files()[n] for label in "ab" for n in range(4)} | pictures
    asked = FolderSpec(path="own", height=SIDE, width="auto", colour="auto", test_share=0.3, seed=0, skip_damaged=skip)
    with laid_out(folder, files), refused_or_answered(folder):
        dataset = own_pictures.load(folder, asked, 2, folder / "scratch")
        check_dataset(dataset)
        assert dataset.train_images.shape[1] == SIDE


TABLE = b'file,label\n1.png,a\nb/2.png,b\n"a b.png","a, b"\n'


@every_case
@given(damaged([TABLE, b"\xef\xbb\xbf" + TABLE.replace(b"\n", b"\r\n"), b"label,more,file\na,,1.png\n"]))
def test_labels(folder: Path, table: bytes) -> None:
    files = dict.fromkeys(("1.png", "b/2.png", "a b.png"), picture_files()[0]) | {"labels.csv": table}
    with laid_out(folder, files) as own, refused_or_answered(folder):
        listing = list_folder(own)
        assert all((own / picture.path).resolve().is_relative_to(own) for picture in listing.pictures)
        assert all(picture.path in files and picture.label for picture in listing.pictures)
        found = {*listing.unlabelled, *(picture.path for picture in listing.pictures)}
        assert listing.problems or found == files.keys() - {"labels.csv"}
        assert all(problem.isprintable() for problem in listing.problems)


MODEL = mean_network(SHADES)


def json_of(valid: Any) -> st.SearchStrategy[bytes]:
    return changed(valid).map(lambda value: json.dumps(value).encode()) | damaged([json.dumps(valid).encode()])


@every_case
@given(json_of(description(MODEL, SHADES)))
def test_descriptions_of_models(folder: Path, content: bytes) -> None:
    put(folder / "model.onnx", MODEL)
    put(folder / "model.json", content)
    with refused_or_answered(folder):
        network = ExportedNetwork(folder)
        probabilities = network.probabilities(np.zeros((1, *network.image.shape), np.uint8))
        assert probabilities.shape == (1, len(network.classes))
        assert 0 <= network.threshold <= 1


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Iterator[Path]:
    path = folder / "final.safetensors"
    network = build_network("mlp", SMALL_MLP, IMAGE, NORMALIZATION)
    save_checkpoint(path, network, DATASET, small_training(), np.arange(3))
    yield path
    for each in folder.glob("final*"):
        each.unlink()


WEIGHTS_OF = {
    "dataset": DATASET.model_dump(mode="json"),
    "training": small_training(architecture=SMALL_MLP).model_dump(mode="json"),
}


@pytest.mark.slow
@every_case
@given(data=st.data())
def test_descriptions_of_weights(folder: Path, checkpoint: Path, data: st.DataObject) -> None:
    valid = WEIGHTS_OF | {"sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest()}
    put(checkpoint.with_suffix(".json"), data.draw(json_of(valid)))
    with refused_or_answered(folder), torch.no_grad():
        found = load_checkpoint(checkpoint)
        logits = found.network(torch.zeros((1, *found.dataset.image.shape), dtype=torch.uint8))
        assert logits.shape == (1, found.dataset.image.n_classes)


Post = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def post(folder: Path) -> Iterator[Post]:
    """Asks the service, whose mistakes are raised here."""
    answering = Answering(ROOT / "src/digitrec/pretrained")
    transport = httpx.ASGITransport(build_app(lambda: answering))
    client = httpx.AsyncClient(transport=transport, base_url="http://test")
    with asyncio.Runner() as runner:
        yield lambda *given, **more: runner.run(client.post(*given, **more))
        runner.run(client.aclose())


PIXELS = {"pixels": some_digits(1)[0][0, ..., 0].tolist()}
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + picture_files()[0] + b"\r\n--x--"
)
TYPES = ("image/png", "multipart/form-data; boundary=x", "multipart/form-data", "application/json", "", "a", "\xe9")
BODIES = damaged([*picture_files(), FORM, json.dumps(PIXELS).encode()]) | json_of(PIXELS)
QUERIES = st.sampled_from(("", "", "?pixels=true", "?pixels=", "?pixels=2&pixels=a", "?a", "?%00"))


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/predict", "/read"])
@every_case
@given(body=BODIES, kind=st.sampled_from(TYPES), query=QUERIES)
def test_bodies(folder: Path, post: Post, path: str, body: bytes, kind: str, query: str) -> None:
    with refused_or_answered(folder):
        response = post(path + query, content=body, headers={"content-type": kind.encode("latin-1")})
        found = response.json()
        if response.status_code == 200:
            (Answer if path == "/predict" else PageAnswer).model_validate(found)
            assert found.get("label") in (*DIGITS, None)
        else:
            assert 400 <= response.status_code < 500
            mistake = Mistake.model_validate(found)
            assert mistake.request_id == response.headers["x-request-id"]
            assert mistake.error.isprintable()
