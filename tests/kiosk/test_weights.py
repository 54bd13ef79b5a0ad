"""Bringing weights: every byte checked, nothing half-written, every source tried in turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kiosk.weights import WrongDigestError, fetch
from recognizer.calibration import Calibration
from recognizer.manifest import Manifest, Upstream, WeightFile

CONTENT = bytes(range(256)) * 2000


def manifest(url: str = "", digest: str = sha256(CONTENT).hexdigest()) -> Manifest:
    file = WeightFile(
        title="test",
        sha256=digest,
        bytes=len(CONTENT),
        licence="MIT",
        origin="test",
        sources=(Upstream(kind="upstream", url=url),) if url else (),
    )
    return Manifest(version=1, files={"net.onnx": file}, packs={})


def quiet(_name: str, _done: int, _total: int) -> None:
    """No progress shown."""


class Upstreams(BaseHTTPRequestHandler):
    """Serves CONTENT; honours Range; breaks off after `limit` bytes when it is set."""

    limit: int | None = None
    ranges: tuple[str | None, ...] = ()

    def do_GET(self) -> None:
        kind = type(self)
        wanted = self.headers.get("Range")
        kind.ranges = (*kind.ranges, wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        body = CONTENT[start:]
        self.wfile.write(body if kind.limit is None else body[: kind.limit])

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def upstream() -> Iterator[str]:
    Upstreams.limit, Upstreams.ranges = None, ()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstreams)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/net.onnx"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_mirror_is_copied_and_checked(tmp_path: Path) -> None:
    mirror, target = tmp_path / "stick", tmp_path / "models"
    mirror.mkdir()
    (mirror / "net.onnx").write_bytes(CONTENT)
    (result,) = fetch(manifest(), ["net.onnx"], target, [mirror], quiet)
    assert result.source == "mirror"
    assert (target / "net.onnx").read_bytes() == CONTENT
    (again,) = fetch(manifest(), ["net.onnx"], target, [], quiet)
    assert again.source == "already there"


def test_a_wrong_digest_stops_the_fetch_and_leaves_nothing(tmp_path: Path, upstream: str) -> None:
    wrong = "0" * 64
    with pytest.raises(WrongDigestError) as error:
        fetch(manifest(upstream, wrong), ["net.onnx"], tmp_path / "models", [], quiet)
    assert wrong in str(error.value)
    assert sha256(CONTENT).hexdigest() in str(error.value)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_wrong_mirror_stops_the_fetch_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"something else")
    with pytest.raises(WrongDigestError):
        fetch(manifest(), ["net.onnx"], tmp_path / "models", [tmp_path], quiet)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path, upstream: str) -> None:
    Upstreams.limit = 100_000
    (result,) = fetch(manifest(upstream), ["net.onnx"], tmp_path, [], quiet)
    assert result.source is None
    assert not (tmp_path / "net.onnx").exists()
    Upstreams.limit = None
    seen: list[int] = []
    (result,) = fetch(
        manifest(upstream), ["net.onnx"], tmp_path, [], lambda _n, done, _t: seen.append(done)
    )
    assert result.source == "upstream"
    assert Upstreams.ranges == (None, "bytes=100000-")
    assert min(seen) > 100_000
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


def test_what_nobody_has_is_told(tmp_path: Path) -> None:
    url = "http://127.0.0.1:1/net.onnx"
    (result,) = fetch(manifest(url), ["net.onnx"], tmp_path / "m", [tmp_path], quiet)
    assert result.source is None
    assert result.why_not is not None
    assert "upstream cannot be reached" in result.why_not


def test_the_manifest_of_this_release_is_whole() -> None:
    from recognizer.manifest import load_manifest

    packs = load_manifest().packs
    assert "open" in packs
    assert isinstance(packs["open"].calibration, Calibration)
