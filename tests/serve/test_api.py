"""The API of a running service."""

import asyncio
import io
import json
import shutil
import socket
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from digitrec.reading.digits import find_digit
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.resizing import fit_picture
from tests.exported import RED_GREEN_BLUE
from tests.serve.conftest import Service, running
from tests.tiny import IMAGE, all_digits

SEVEN = [(90, 60), (210, 60), (130, 240)]


def png(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "png")
    return content.getvalue()


def drawn_seven(ink: str = "black", paper: str = "white") -> Image.Image:
    image = Image.new("RGB", (300, 300), paper)
    ImageDraw.Draw(image).line(SEVEN, ink, 20, "curve")
    return image


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """Images as the network takes them, which need no preparation."""
    return np.stack([find_digit(image[..., 0], IMAGE).pixels for image in all_digits().test_images[:200]])


def test_an_image_its_form_and_its_pixels_get_the_networks_answer(client: httpx.Client, exported: Path) -> None:
    seven = find_digit(np.asarray(drawn_seven().convert("L")), IMAGE).pixels
    content, expected = png(seven), ExportedNetwork(exported).probabilities(seven[None, ..., None])[0]
    for request in (
        {"content": content},
        {"files": {"image": ("a.png", content)}},
        {"json": {"pixels": seven.tolist()}},
    ):
        answer = client.post("/predict", **request).json()
        assert answer["probabilities"] == pytest.approx(expected, abs=2e-6)
        assert answer["label"] == answer["best"] == str(expected.argmax()) == "7"
        assert answer["probability"] == max(answer["probabilities"])
        assert answer["second"] == str(np.argsort(expected)[-2])
        assert answer["reason"] is None
        assert "pixels" not in answer


@pytest.fixture
def pictures(colours: Service) -> Iterator[httpx.Client]:
    """Of a service whose model takes pictures whole."""
    with httpx.Client(base_url=colours.url, timeout=60) as client:
        yield client


def test_pictures_are_answered_by_name_with_the_pixels_that_the_network_got(pictures: httpx.Client) -> None:
    pixels = np.random.default_rng(0).integers(0, 100, (40, 40, 3), np.uint8)
    pixels[..., 1] += 120
    answer = pictures.post("/predict?pixels=true", content=png(pixels)).json()
    assert (answer["label"], answer["best"], answer["reason"], answer["box"]) == ("green", "green", None, None)
    assert np.argsort(answer["probabilities"])[-1] == RED_GREEN_BLUE.classes.index("green")
    assert np.array_equal(answer["pixels"], fit_picture(pixels, RED_GREEN_BLUE))
    again = pictures.post("/predict", json={"pixels": answer["pixels"]}).json()
    assert again["probabilities"] == pytest.approx(answer["probabilities"])


def test_a_blank_picture_is_unsure_and_not_empty(pictures: httpx.Client) -> None:
    answer = pictures.post("/predict", content=png(np.full((90, 120), 255, np.uint8))).json()
    assert answer["label"] is None
    assert answer["probabilities"] == pytest.approx([1 / 3] * 3)
    assert answer["reason"].startswith("unsure: ")


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (7, "pixels: got 7, expected 16 rows of 24 [red, green, blue]"),
        ([[[0, 0, 0]] * 24] * 15, "pixels: got 15, expected 16 rows of 24 [red, green, blue]"),
        ([[[0, 0, 0]] * 23] * 16, "pixels[0]: got 23, expected 24 [red, green, blue]"),
        ([[0] * 24] * 16, "pixels[0][0]: got 0, expected 3 whole numbers"),
        ([[[0, 0]] * 24] * 16, "pixels[0][0]: got 2, expected 3 whole numbers"),
        ([[[0, 0, 256]] * 24] * 16, "pixels[0][0][2]: got 256, expected a whole number from 0 to 255"),
    ],
)
def test_pixels_of_another_form_are_refused_by_the_form_that_is_expected(
    pictures: httpx.Client, pixels: object, message: str
) -> None:
    response = pictures.post("/predict", json={"pixels": pixels})
    assert response.status_code == 422
    assert response.json()["error"].startswith(message)


def test_a_model_of_pictures_describes_itself_and_its_bodies(pictures: httpx.Client) -> None:
    about = pictures.get("/model").json()
    assert about["dataset"]["image"] == RED_GREEN_BLUE.model_dump(mode="json")
    assert about["dataset"]["title"] == "sheets of one colour"
    assert (about["shows"], about["trained"]) == ("picture", None)
    body = pictures.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
    rows = body["content"]["application/json"]["schema"]["properties"]["pixels"]
    assert (rows["minItems"], rows["items"]["maxItems"], rows["items"]["items"]["minItems"]) == (16, 24, 3)
    assert rows["description"] == "16 rows of 24 [red, green, blue], each from 0 to 255"


@pytest.mark.parametrize(("form", "ink", "paper"), [("png", "black", "white"), ("jpeg", "#ddeeff", "#203040")])
def test_a_drawing_of_any_size_and_polarity_is_prepared_first(
    client: httpx.Client, form: str, ink: str, paper: str
) -> None:
    content = io.BytesIO()
    drawn_seven(ink, paper).save(content, form)
    answer = client.post("/predict", params={"pixels": True}, content=content.getvalue()).json()
    assert answer["label"] == "7"
    assert answer["box"] == pytest.approx([90, 50, 220, 245], abs=4)
    seen = np.array(answer["pixels"])
    assert seen.shape == (28, 28)
    rows = np.flatnonzero(seen.any(1))
    assert rows[-1] - rows[0] == 19
    again = client.post("/predict", json={"pixels": answer["pixels"]}).json()
    assert again["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-5)


def test_a_blank_image_holds_no_digit(client: httpx.Client) -> None:
    response = client.post("/predict?pixels=true", content=png(np.full((90, 120), 255, np.uint8)))
    assert response.status_code == 200
    answer = response.json()
    assert answer.pop("pixels") == [[0] * 28] * 28
    assert answer.pop("reason") == "no digit found"
    assert set(answer) == {"label", "best", "probability", "second", "second_probability", "probabilities", "box"}
    assert set(answer.values()) == {None}


def test_an_improbable_answer_is_withheld(client: httpx.Client, exported: Path, digits: np.ndarray) -> None:
    network = ExportedNetwork(exported)
    # Two digits in one: neither is certain.
    mixed = digits // 2 + digits[::-1] // 2
    probabilities = network.probabilities(mixed[..., None])
    least = probabilities.max(1).argmin()
    answer = client.post("/predict", json={"pixels": mixed[least].tolist()}).json()
    assert answer["probability"] == pytest.approx(probabilities[least].max(), abs=1e-6)
    assert answer["probability"] < network.threshold
    assert (answer["label"], answer["best"]) == (None, str(probabilities[least].argmax()))
    assert answer["reason"].startswith(f"unsure: {answer['best']} has probability 0.")


def test_many_at_once_get_each_their_own_answer(service: Service, exported: Path, digits: np.ndarray) -> None:
    async def ask() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=40)
        async with httpx.AsyncClient(base_url=service.url, limits=limits, timeout=60) as client:
            good = [client.post("/predict", content=png(image)) for image in digits]
            bad = [client.post("/predict", content=b"none") for _ in range(20)]
            return await asyncio.gather(*good, *bad)

    responses = asyncio.run(ask())
    assert [response.status_code for response in responses] == [200] * 200 + [422] * 20
    found = np.array([response.json()["probabilities"] for response in responses[:200]])
    prepared = np.stack([find_digit(image, IMAGE).pixels for image in digits])
    assert abs(found - ExportedNetwork(exported).probabilities(prepared[..., None])).max() < 1e-5


def _bomb() -> bytes:
    """A PNG of 72 megapixels in some 70 kB."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(bytes(8001) * 9000)
    header = struct.pack(">IIBBBBB", 8000, 9000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _pages() -> bytes:
    content = io.BytesIO()
    drawn_seven().save(content, "gif", save_all=True, append_images=[drawn_seven("red")])
    return content.getvalue()


JSON = {"content-type": "Application/json; charset=utf-8"}
FORM = {"content-type": "multipart/form-data; boundary=b"}
PIXELS = [[0] * 28 for _ in range(28)]
REFUSED = {
    "nothing": (400, b"", {}, "the body is empty"),
    "text": (422, b"a seven", {}, "image: is no image; expected PNG"),
    "half an image": (422, png(np.asarray(drawn_seven()))[:400], {}, "image: is cut short or damaged"),
    "too many pixels": (422, _bomb(), {}, "has 8,000 x 9,000 pixels, expected at most 70,000,000"),
    "several frames": (422, _pages(), {}, "has 2 frames"),
    "too many bytes": (413, bytes(5_000_001), {}, "more than 5,000,000 bytes"),
    "no JSON": (422, b'{"pixels": [', JSON, "the body is no JSON (EOF while parsing a list at line 1 column 12)"),
    "no text": (422, b"\xff\xfe", JSON, "the body is no JSON"),
    "deep JSON": (422, b"[" * 100_000, JSON, "the body is no JSON (recursion limit exceeded"),
    "a list": (422, b"[1]", JSON, "the body: got [1], expected an object with the key pixels"),
    "no pixels": (422, b"{}", JSON, "pixels: is missing, expected 28 rows of 28 whole numbers"),
    "one row": (422, b'{"pixels": [[]]}', JSON, "pixels[0]: got 0, expected 28 whole numbers"),
    "27 rows": (422, json.dumps({"pixels": PIXELS[1:]}).encode(), JSON, "pixels: got 27, expected 28 rows"),
    "29 rows": (422, json.dumps({"pixels": [*PIXELS, []]}).encode(), JSON, "pixels: got 29, expected 28 rows"),
    "another key": (
        422,
        b'{"pixels": 7, "a": 1}',
        JSON,
        "pixels: got 7, expected 28 rows of 28 whole numbers; 'a' is no",
    ),
    "ten thousand keys": (
        422,
        json.dumps(dict.fromkeys(map(str, range(10_000)), 0)).encode(),
        JSON,
        "10,001 mistakes, expected an object with the key pixels, 28 rows of 28 whole numbers",
    ),
    "no form": (422, b"--c\r\n", FORM, "the form cannot be read"),
    "an empty form": (422, b"--b--\r\n", FORM, "the form holds no file"),
    "no boundary": (422, b"--b--\r\n", {"content-type": "multipart/form-data"}, "the form cannot be read"),
    "an empty file": (422, b"image", {"files": "empty"}, "seven.png: is empty (0 bytes)"),
    "a field": (422, b"image", {"files": "field"}, "the form holds no file"),
    "two files": (422, b"image", {"files": "two"}, "the form cannot be read (Too many files"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_in_one_line(client: httpx.Client, case: str) -> None:
    status, body, headers, message = REFUSED[case]
    if files := headers.get("files"):
        content = png(np.asarray(drawn_seven()))
        request = {
            "empty": {"files": {"image": ("seven.png", b"")}},
            "field": {"files": {"other": (None, "seven")}},
            "two": {"files": [("image", ("a.png", content)), ("image", ("b.png", content))]},
        }[files]
    else:
        request = {"content": body, "headers": headers}
    response = client.post("/predict", **request)
    assert response.status_code == status
    assert set(response.json()) == {"error", "request_id"}
    error = response.json()["error"]
    assert message in error
    assert "\n" not in error
    assert len(error) < 300
    # The connection, or the next, goes on.
    assert client.get("/healthz").json() == {"status": "ok"}


def test_the_first_wrong_pixels_are_named(client: httpx.Client) -> None:
    pixels = [[*row] for row in PIXELS]
    pixels[2][3], pixels[5][7], pixels[6][0], pixels[27][27], pixels[9][9] = 256, 0.5, "x" * 100_000, -1, True
    error = client.post("/predict", json={"pixels": pixels}).json()["error"]
    assert error.startswith(
        "pixels[2][3]: got 256, expected a whole number from 0 to 255; "
        "pixels[5][7]: got 0.5, expected a whole number from 0 to 255; pixels[6][0]: got 'xxx"
    )
    assert error.endswith("; and 2 more mistakes")


def test_a_body_of_unknown_length_is_bounded_too(client: httpx.Client) -> None:
    def pieces(n: int) -> Iterator[bytes]:
        yield from [bytes(50_000)] * n

    response = client.post("/predict", content=pieces(101))
    assert (response.status_code, "5,000,000 bytes" in response.json()["error"]) == (413, True)
    assert client.post("/predict", content=pieces(10)).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/nothing", 404, "nothing is at /nothing"),
        ("GET", "/static/%2e%2e/app.py", 404, "nothing is at"),
        ("GET", "/static/a%00b", 404, "nothing is at"),
        ("GET", "/static/", 404, "nothing is at"),
        ("GET", "/docs", 404, "nothing is at /docs"),
        ("GET", "/predict", 405, "GET is not taken at /predict"),
        ("POST", "/", 405, "POST is not taken at /"),
        ("POST", "/predict?pixels=some", 422, "pixels: got 'some', expected true or false"),
    ],
)
def test_other_addresses_are_refused_likewise(
    client: httpx.Client, method: str, path: str, status: int, message: str
) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert message in response.json()["error"]


def test_damaged_images_are_refused_or_answered_whatever_the_damage(client: httpx.Client, digits: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    contents = [png(digits[0])]
    for form in ("jpeg", "webp", "bmp", "tiff", "gif"):
        content = io.BytesIO()
        drawn_seven().resize((60, 60)).save(content, form)
        contents.append(content.getvalue())
    statuses = []
    for content in contents:
        for _ in range(40):
            damaged = np.frombuffer(content, np.uint8).copy()
            damaged[rng.integers(len(damaged), size=rng.integers(1, 6))] = rng.integers(256)
            response = client.post("/predict", content=damaged[: rng.integers(1, 2 * len(damaged))].tobytes())
            statuses.append(response.status_code)
            assert {"label", "error"} & set(response.json())
    assert set(statuses) == {200, 422}


def _talk(port: int, *parts: bytes, close: bool = False) -> bytes:
    """Send bytes as they are, and read until the service ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            return b"" if close else b"".join(iter(lambda: connection.recv(65_536), b""))
        except ConnectionError:
            return b""


def test_what_is_no_http_is_refused_in_json(service: Service) -> None:
    head, _, body = _talk(service.port, b"seven\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-security-policy: default-src 'none'" in head
    assert json.loads(body)["error"] == "Invalid HTTP request received."
    assert json.loads(body)["request_id"].encode() in head


def test_an_endless_head_is_cut_off(service: Service, client: httpx.Client) -> None:
    _, _, body = _talk(service.port, b"GET / HTTP/1.1\r\nx: ", *[b"x" * 20_000] * 4).partition(b"\r\n\r\n")
    assert b"head has more than 65,536 bytes" in body
    # The trailers of a chunked body as well, which come when the application has the request already.
    start = b"POST /predict HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    _talk(service.port, start, *[b"x: " + b"x" * 20_000 + b"\r\n"] * 50)
    assert client.get("/healthz").status_code == 200


def test_a_client_that_goes_away_leaves_no_trace(service: Service, client: httpx.Client) -> None:
    # That the service said nothing of it is checked when it has ended.
    _talk(service.port, b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nhalf", close=True)
    assert client.get("/healthz").status_code == 200


def test_every_response_has_the_security_headers_and_none_lets_other_pages_in(client: httpx.Client) -> None:
    elsewhere = {"origin": "http://example.org"}
    for response in (
        client.get("/", headers=elsewhere),
        client.get("/static/page.js", headers=elsewhere),
        client.get("/nothing", headers=elsewhere),
        client.post("/predict", content=b"none", headers=elsewhere),
        client.options("/predict", headers=elsewhere | {"access-control-request-method": "POST"}),
    ):
        assert response.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "server" not in response.headers
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_the_page_comes_whole_and_names_nothing_from_elsewhere(client: httpx.Client) -> None:
    for path, kind in (
        ("/", "text/html"),
        ("/static/page.js", "javascript"),
        ("/static/page.css", "text/css"),
        ("/static/icon.svg", "image/svg+xml"),
    ):
        response = client.get(path)
        assert response.status_code == 200
        assert kind in response.headers["content-type"]
        assert "://" not in response.text.replace("http://www.w3.org/2000/svg", "")
    assert client.head("/").status_code == 200


def test_the_model_is_described(client: httpx.Client, exported: Path) -> None:
    about = client.get("/model").json()
    assert about.items() >= json.loads((exported / "model.json").read_text()).items()
    assert about["shows"] == "digit"
    assert datetime.fromisoformat(about["trained"]) < datetime.now(UTC)


def test_without_its_project_it_is_not_known_when_the_model_was_trained(exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "somewhere/export")
    with running(folder) as service:
        assert httpx.get(f"{service.url}/model").json()["trained"] is None


def test_the_openapi_document_describes_bodies_answers_and_refusals(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {"/predict", "/read", "/healthz", "/model"}
    predict = document["paths"]["/predict"]["post"]
    assert set(predict["requestBody"]["content"]) == {"image/*", "multipart/form-data", "application/json"}
    assert set(predict["responses"]) == {"200", "400", "408", "413", "422"}
    answer = client.post("/predict?pixels=true", content=png(np.asarray(drawn_seven()))).json()
    assert set(document["components"]["schemas"]["Answer"]["properties"]) == set(answer)
