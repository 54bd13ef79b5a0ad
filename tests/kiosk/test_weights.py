"""Bringing weights: every byte checked, nothing half-written, every source tried in turn."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.commands.models import models_group
from kiosk.weights import FetchError, WrongDigestError, fetch
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


def test_an_upstream_that_does_not_end_is_cut_off(tmp_path: Path, upstream: str) -> None:
    small = manifest(upstream)
    small = Manifest(
        version=1,
        files={"net.onnx": small.files["net.onnx"].model_copy(update={"bytes": 1000})},
        packs={},
    )
    (result,) = fetch(small, ["net.onnx"], tmp_path, [], quiet)
    assert result.why_not is not None
    assert "far more than 1000 bytes" in result.why_not
    assert list(tmp_path.iterdir()) == []


def test_a_rest_of_something_else_is_thrown_away(tmp_path: Path, upstream: str) -> None:
    (tmp_path / "net.onnx.part").write_bytes(b"of another file")
    with pytest.raises(WrongDigestError):
        fetch(manifest(upstream), ["net.onnx"], tmp_path, [], quiet)
    (result,) = fetch(manifest(upstream), ["net.onnx"], tmp_path, [], quiet)
    assert result.source == "upstream"


def test_a_damaged_file_is_brought_again(tmp_path: Path, upstream: str) -> None:
    (tmp_path / "net.onnx").write_bytes(CONTENT[:-1])
    (result,) = fetch(manifest(upstream), ["net.onnx"], tmp_path, [], quiet)
    assert result.source == "upstream"
    assert (tmp_path / "net.onnx").read_bytes() == CONTENT


def test_two_fetches_into_one_directory_do_not_disturb_each_other(
    tmp_path: Path, upstream: str
) -> None:
    results: list[str | None] = []

    def bring() -> None:
        (result,) = fetch(manifest(upstream), ["net.onnx"], tmp_path, [], quiet)
        results.append(result.source)

    threads = [threading.Thread(target=bring) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["already there", "already there", "upstream"]
    assert Upstreams.ranges == (None,)


def test_a_directory_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FetchError, match="file"):
        fetch(manifest(), ["net.onnx"], tmp_path / "file", [], quiet)


def test_the_command_says_which_detector_there_is_and_that_pad_is_missing(
    tmp_path: Path, weights_dir: Path
) -> None:
    mirror = tmp_path / "stick"
    mirror.mkdir()
    names = ("face_detection_yunet_2023mar", "mobilefacenet_arcface_192", "mtcnn_onet")
    for name in (f"{each}.onnx" for each in names):
        if not (weights_dir / name).exists():
            pytest.skip(f"needs {name}, which comes from a mirror or upstream only")
        (mirror / name).symlink_to(weights_dir / name)
    command = ["fetch", "--json", "--to", str(tmp_path / "models"), "--mirror", str(mirror)]
    done = CliRunner().invoke(models_group, [*command, "--detector", "yunet"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["detectors"], answer["confirm"]) == (["yunet"], True)
    if not answer["pad"]:
        lacking = {row["file"]: row["why_not"] for row in answer["files"] if not row["source"]}
        assert all("upstream" in why for why in lacking.values())
        assert len(lacking) == 2


def test_an_unknown_detector_is_named(tmp_path: Path) -> None:
    command = ["fetch", "--to", str(tmp_path), "--detector", "yunett"]
    done = CliRunner().invoke(models_group, command)
    assert done.exit_code == 2
    assert "yunet, mtcnn" in done.output


def test_the_list_shows_what_is_here_and_every_licence() -> None:
    done = CliRunner().invoke(models_group, ["list", "--json", "--to", "/nowhere"])
    told = json.loads(done.stdout)
    rows = told["files"]
    packs = {pack["pack"]: pack for pack in told["packs"]}
    assert {"open", "insightface-sc", "insightface-l"} <= set(packs)
    assert "non-commercial" in packs["insightface-l"]["licence"]
    assert {row["here"] for row in rows} == {"no"}
    assert all(row["licence"] for row in rows)
    assert any("MS1M" in (row["remark"] or "") for row in rows)


def test_the_manifest_of_this_release_is_whole() -> None:
    from recognizer.manifest import load_manifest

    packs = load_manifest().packs
    assert "open" in packs
    assert isinstance(packs["open"].calibration, Calibration)
