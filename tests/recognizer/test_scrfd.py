"""SCRFD and the packs of InsightFace: what is asked before they open, and what they find."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from kiosk.photo_sets import acquire, read_set
from recognizer import opening
from recognizer.errors import LicenceError, ModelError
from recognizer.evaluation import compare_all, evaluate
from recognizer.manifest import Manifest, load_manifest
from recognizer.pipeline import RecognizerSettings, open_recognizer
from recognizer.scrfd import SCRFD, ScrfdDetector, canvas_size
from recognizer.session import Session

WORD = "insightface-non-commercial"
PACKS = ("insightface-sc", "insightface-l")


def embedder_512() -> bytes:
    """A test network with the signature of InsightFace's w600k files; it recognises nobody."""
    picture = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["n", 3, 112, 112])
    numbers = helper.make_tensor_value_info("683", TensorProto.FLOAT, ["n", 512])
    kernel = np.random.default_rng(7).normal(size=(512, 3, 7, 7)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node(
                "AveragePool", ["input.1"], ["coarse"], kernel_shape=[16, 16], strides=[16, 16]
            ),
            helper.make_node("Conv", ["coarse", "kernel"], ["felt"]),
            helper.make_node("Flatten", ["felt"], ["683"]),
        ],
        "test",
        [picture],
        [numbers],
        [helper.make_tensor("kernel", TensorProto.FLOAT, kernel.shape, kernel.tobytes(), raw=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def stand_in(manifest: Manifest, pack: str, raw: bytes) -> Manifest:
    """The manifest with this network's digest in the place of the pack's embedder."""
    name = manifest.packs[pack].embedder.file
    file = manifest.files[name].model_copy(update={"sha256": sha256(raw).hexdigest()})
    return manifest.model_copy(update={"files": {**manifest.files, name: file}})


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_of_insightface_does_not_open_without_its_word(pack: str, tmp_path: Path) -> None:
    for word in (None, "yes"):
        with pytest.raises(LicenceError, match=r"InsightFace.*non-commercial") as refused:
            open_recognizer(tmp_path, RecognizerSettings(pack=pack, accept_licence=word))
        assert WORD in str(refused.value)


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_of_insightface_goes_through_the_same_three_classes(
    pack: str,
    shared_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photos: dict[str, Path],
) -> None:
    raw = embedder_512()
    manifest = stand_in(load_manifest(), pack, raw)
    monkeypatch.setattr(opening, "load_manifest", lambda: manifest)
    for name in manifest.packs[pack].files():
        if name != manifest.packs[pack].embedder.file:
            (tmp_path / name).symlink_to(shared_weights / name)
    (tmp_path / manifest.packs[pack].embedder.file).write_bytes(raw)
    eyes = open_recognizer(tmp_path, RecognizerSettings(pack=pack, accept_licence=WORD))
    assert eyes.dimension == 512
    image = np.asarray(cv2.imread(str(photos["t1"])), dtype=np.uint8)
    found = [each for each in eyes.embed_photo(image) if each.embedding is not None]
    assert len(found) >= 5
    assert all(each.embedding.shape == (512,) for each in found if each.embedding is not None)


def test_no_calibration_is_claimed_for_weights_that_were_never_measured() -> None:
    assert [load_manifest().packs[name].calibration for name in PACKS] == [None, None]


def test_another_network_is_not_taken_for_scrfd(shared_weights: Path) -> None:
    raw = (shared_weights / "mobilefacenet_arcface_192.onnx").read_bytes()
    with pytest.raises(ModelError):
        Session(raw, "SCRFD", SCRFD)
    assert onnx.load(str(shared_weights / "det_500m.onnx")).graph.input[0].name == SCRFD.name


def test_scrfd_finds_nobody_in_noise_and_none_in_a_speck(shared_weights: Path) -> None:
    raw = (shared_weights / "det_500m.onnx").read_bytes()
    scrfd = ScrfdDetector(Session(raw, "SCRFD", SCRFD), 0.5)
    noise = np.random.default_rng(2).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    assert scrfd.detect(noise) == []
    assert scrfd.detect(noise[:1, :1]) == []
    assert scrfd.detect(np.zeros((17, 4000, 3), dtype=np.uint8)) == []


def test_scrfd_with_the_open_embedder_tells_all_people_apart(
    shared_weights: Path, shared_faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = load_manifest()
    scrfd = manifest.packs["insightface-sc"].detectors
    pack = manifest.packs["open"].model_copy(update={"detectors": scrfd})
    mixed = manifest.model_copy(update={"packs": {"open": pack}})
    monkeypatch.setattr(opening, "load_manifest", lambda: mixed)
    eyes = open_recognizer(shared_weights, RecognizerSettings(pad=False))
    photos = read_set(shared_faces / "identification" / "johns")
    acquired = acquire(eyes, photos.photos, lambda: None)
    people = [photo.person for photo in acquired.photos]
    found = evaluate(compare_all(acquired.embeddings, people), acquired.people, eyes.calibration)
    assert found.best_accuracy == 1.0
    assert acquired.people == 5


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_the_canvas_holds_the_picture_and_no_more(width: int, height: int) -> None:
    small_w, small_h, canvas_w, canvas_h = canvas_size(width, height)
    assert 1 <= small_w <= canvas_w < small_w + 32
    assert 1 <= small_h <= canvas_h < small_h + 32
    assert canvas_w % 32 == canvas_h % 32 == 0
    assert max(canvas_w, canvas_h) <= 640
    if max(width, height) <= 640:
        assert (small_w, small_h) == (width, height)
