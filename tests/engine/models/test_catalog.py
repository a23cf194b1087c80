import contextlib
import io
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError, ModelError
from engine.models import catalog
from engine.models.catalog import find_model, get_model, models, preferred_model
from engine.paths import assets, data_folder
from engine.progress import Control

SHIPPED = pytest.mark.skipif(
    not (assets() / "models" / "default" / "model.json").is_file(), reason="no model ships yet"
)


class Answer(io.BytesIO):
    """What a server would send."""

    def __init__(self, data: bytes, status: int) -> None:
        super().__init__(data)
        self.status = status


class Server:
    """Serves bytes with ranges, and breaks off after ``most`` bytes the first time."""

    def __init__(self, data: bytes, most: int | None = None) -> None:
        self.data, self.most = data, most
        self.ranges: list[str] = []

    def open(self, request: urllib.request.Request, timeout: float) -> Any:
        self.ranges.append(request.headers["Range"])
        start = int(request.headers["Range"][6:-1])
        sent = self.data[start:]
        if self.most is None:
            return Answer(sent, 206 if start else 200)
        sent, self.most = sent[: self.most], None

        class Broken(Answer):
            def read(self, size: int = -1) -> bytes:  # type: ignore[override]
                block = super().read(size)
                if not block:
                    raise ConnectionResetError("connection reset")
                return block

        return Broken(sent, 200)


@pytest.fixture
def serve(monkeypatch):
    def start(server: Any) -> None:
        monkeypatch.setattr(urllib.request, "build_opener", lambda *handlers: server)

    return start


def test_a_name_that_does_not_exist_is_told_with_those_that_do():
    with pytest.raises(ModelError, match=r"there is no model named nonsense: use one of .*default"):
        find_model("nonsense")


def test_a_model_can_be_named_by_its_folder(model_folder):
    assert find_model(str(model_folder)) == model_folder


def test_a_model_to_be_got_says_how():
    with pytest.raises(ModelError, match="run `soundsift models get default-mn04`"):
        find_model("default-mn04")


def test_only_models_with_a_source_can_be_got():
    with pytest.raises(InputError, match="cannot be downloaded"):
        get_model("default", None, Control())


def test_a_wrong_file_is_refused_and_nothing_is_installed(tmp_path):
    wrong = tmp_path / "weights.pt"
    wrong.write_bytes(b"something else")
    with pytest.raises(ModelError, match="is not the file its authors published"):
        get_model("default-mn04", wrong, Control())
    assert not (data_folder() / "models").exists()


def test_without_network_it_says_what_to_do(serve):
    class Dead:
        def open(self, request: object, timeout: float) -> None:
            raise urllib.error.URLError("no route to host")

    serve(Dead())
    with pytest.raises(ModelError, match="connect to the network, or fetch the file elsewhere"):
        get_model("default-mn04", None, Control())


def test_a_download_goes_on_where_it_broke_off(serve, monkeypatch):
    data = bytes(range(256)) * 1000
    server = Server(data, most=100_000)
    serve(server)
    source = catalog.Download("https://example.org/x", _sha256(data), len(data), "default")
    with pytest.raises(ModelError, match="cannot be downloaded"):
        catalog._download("x", source, Control())
    path = catalog._download("x", source, Control())
    assert path.read_bytes() == data
    assert server.ranges == ["bytes=0-", "bytes=100000-"]


def test_a_download_with_other_contents_is_thrown_away(serve):
    serve(Server(b"not what was asked for"))
    source = catalog.SOURCES["default-mn04"]
    with pytest.raises(ModelError, match="is not the expected one"):
        catalog._download("default-mn04", source, Control())
    assert not list((data_folder() / "downloads").iterdir())


def test_a_redirect_away_from_https_is_refused():
    request = urllib.request.Request("https://example.org/a")
    with pytest.raises(ModelError, match="away from https"), contextlib.ExitStack():
        catalog._HttpsOnly().redirect_request(
            request, io.BytesIO(), 302, "Found", {}, "http://example.org/b"
        )


def test_every_source_is_https_with_a_pinned_hash():
    for source in catalog.SOURCES.values():
        assert source.url.startswith("https://")
        assert len(source.sha256) == 64


@SHIPPED
def test_the_shipped_model_is_used_until_a_better_one_is_installed(data: Path):
    assert preferred_model() == "default"
    folder = get_model("default-mn04", data / "weights" / "mn04_as_mAP_432.pt", Control())
    assert preferred_model() == "default-mn04"
    assert find_model("default-mn04") == folder
    entry = next(entry for entry in models() if entry.name == "default-mn04")
    assert not entry.bundled


def _sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
