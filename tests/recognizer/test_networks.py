"""A network is used only when it is what its user takes it for."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.embedder import Embedder
from recognizer.errors import ImageError, LicenceError, ManifestError, ModelError
from recognizer.manifest import Pack, load_manifest, parse_manifest
from recognizer.opening import check_licence
from recognizer.pad import grown
from recognizer.rewriting import relieved
from recognizer.session import Session, Signature

EMBEDDER = "mobilefacenet_arcface_192.onnx"
RIGHT = Signature("input", (None, 3, 112, 112), (192,))


@pytest.fixture(scope="module")
def network(weights_dir: Path) -> bytes:
    return (weights_dir / EMBEDDER).read_bytes()


@pytest.mark.parametrize(
    "signature",
    [
        Signature("data", (None, 3, 112, 112), (192,)),
        Signature("input", (None, 3, 96, 96), (192,)),
        Signature("input", (None, 112, 112), (192,)),
        Signature("input", (None, 3, 112, 112), (512,)),
        Signature("input", (None, 3, 112, 112), (192, 4)),
    ],
)
def test_a_network_of_another_shape_is_a_typed_error(network: bytes, signature: Signature) -> None:
    with pytest.raises(ModelError, match="net"):
        Session(network, "net", signature)


def test_a_file_that_is_no_network_is_a_typed_error() -> None:
    with pytest.raises(ModelError, match="not a network"):
        Session(b"not a network", "net", RIGHT)


def test_a_network_is_fed_only_what_it_takes(network: bytes) -> None:
    session = Session(network, "net", RIGHT)
    assert session.run(np.zeros((2, 3, 112, 112), dtype=np.float32))[0].shape == (2, 192)
    with pytest.raises(ModelError, match="fed"):
        session.run(np.zeros((2, 3, 96, 96), dtype=np.float32))


def test_embeddings_have_length_one_and_do_not_depend_on_the_batch(network: bytes) -> None:
    embedder = Embedder(network, load_manifest().packs["open"].embedder)
    crops = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    together = embedder.embed(crops)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.allclose(together[1:2], embedder.embed(crops[1:2]), atol=1e-5)
    assert np.allclose(together, embedder.embed(np.ascontiguousarray(crops[:, :, ::-1])), atol=1e-5)
    assert embedder.embed(crops[:0]).shape == (0, 192)
    with pytest.raises(ImageError):
        embedder.embed(crops[:, :96])


def test_our_conversion_and_the_mirrors_are_one_network(
    registry_dir: Path, shared_weights: Path
) -> None:
    ours, theirs = ((folder / EMBEDDER).read_bytes() for folder in (registry_dir, shared_weights))
    file = load_manifest().files[EMBEDDER]
    rewritten = {variant.sha256 for variant in file.variants if variant.rewritten}
    assert sha256(theirs).hexdigest() == file.sha256
    assert sha256(ours).hexdigest() in rewritten
    assert sha256(relieved(theirs, EMBEDDER)).hexdigest() in rewritten
    spec = load_manifest().packs["open"].embedder
    crops = np.random.default_rng(5).integers(0, 256, (4, 112, 112, 3), dtype=np.uint8)
    difference = Embedder(ours, spec).embed(crops) - Embedder(theirs, spec).embed(crops)
    assert np.abs(difference).max() <= 1e-5


side = st.floats(1, 2000)
corner = st.floats(-500, 2500)


@given(
    st.tuples(corner, corner, side, side),
    st.sampled_from([2.7, 4.0]),
    st.integers(16, 2000),
    st.integers(16, 2000),
)
def test_what_pad_looks_at_is_always_inside_the_picture(
    box: tuple[float, float, float, float], factor: float, width: int, height: int
) -> None:
    left, top, right, bottom = grown(box, factor, width, height)
    assert 0 <= left <= right <= width - 1
    assert 0 <= top <= bottom <= height - 1


def test_a_face_in_the_middle_is_grown_about_its_centre() -> None:
    assert grown((250, 200, 100, 100), 2.0, 640, 480) == (200, 150, 400, 350)


def test_a_non_commercial_pack_needs_the_written_word() -> None:
    free = load_manifest().packs["open"]
    bound = free.model_copy(update={"non_commercial": True, "acceptance": "I may"})
    check_licence("open", free, None)
    check_licence("bound", bound, "I may")
    for word in (None, "", "i may"):
        with pytest.raises(LicenceError, match="accept_licence"):
            check_licence("bound", bound, word)


def test_a_non_commercial_pack_without_a_word_is_a_mistake_in_the_manifest() -> None:
    fields = load_manifest().packs["open"].model_dump()
    with pytest.raises(ValueError, match="non-commercial"):
        Pack.model_validate({**fields, "non_commercial": True})


@pytest.mark.parametrize(
    "text",
    ["version = 1\n[files]\n[packs]\nextra = 1", "version = 2\n[files]\n[packs]", "version ="],
)
def test_a_wrong_manifest_is_a_typed_error(text: str) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(text)
