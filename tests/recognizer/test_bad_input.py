"""Whatever a camera, a file or a network brings: a typed error or nobody, never a wrong accept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.align import align
from recognizer.calibration import threshold
from recognizer.decision import DecisionPolicy, Verdict
from recognizer.embedder import Embedder
from recognizer.errors import GalleryError, ImageError, ModelError
from recognizer.faces import Face, Image
from recognizer.manifest import load_manifest
from recognizer.matcher import Matcher
from recognizer.opening import open_parts
from recognizer.pad import PadDetector
from recognizer.pipeline import Evidence, Recognizer, RecognizerSettings, open_recognizer
from recognizer.quality import QualitySettings, Reason, assess

NO_PAD = RecognizerSettings(pad=False)


@pytest.fixture(scope="module")
def eyes(weights_dir: Path) -> Recognizer:
    return open_recognizer(weights_dir, NO_PAD)


@pytest.fixture(scope="module")
def portrait(photos: dict[str, Path]) -> Image:
    image = np.asarray(cv2.imread(str(photos["astronaut"])), dtype=np.uint8)
    return np.asarray(cv2.resize(image, None, fx=1.3, fy=1.3), dtype=np.uint8)


def test_frames_of_changing_sizes_do_not_disturb_the_stream(
    eyes: Recognizer, portrait: Image
) -> None:
    looks = []
    sizes = [(1.0, 1.0), (0.9, 0.9), (1.0, 1.0), (1.5, 1.5), (0.7, 1.0), (1.0, 1.0)]
    for n, (fx, fy) in enumerate(sizes):
        frame = np.asarray(cv2.resize(portrait, None, fx=fx, fy=fy), dtype=np.uint8)
        looks.append(eyes.look(frame, n / 15))
    first, last = looks[0].subject, looks[-1].subject
    assert first is not None
    assert last is not None
    assert first.embedding is not None
    assert last.embedding is not None
    assert float(first.embedding @ last.embedding) > 0.999


def test_a_frame_that_is_no_picture_changes_nothing_for_the_next(
    eyes: Recognizer, portrait: Image
) -> None:
    before = eyes.look(portrait, 10.0).subject
    for broken in (portrait[:, :, 0], portrait.astype(np.uint16), portrait[:0], None):
        with pytest.raises(ImageError):
            eyes.look(broken, 10.1)  # type: ignore[arg-type]
    after = eyes.look(portrait, 10.2).subject
    assert before is not None
    assert after is not None
    assert after.track == before.track


class _NoNumbers(Embedder):
    """The real network, one of whose numbers is lost on the way."""

    def embed(self, crops: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        embeddings = super().embed(crops)
        embeddings[:, 7] = np.nan
        return embeddings


def test_an_embedding_that_is_no_number_is_unreadable_and_never_matched(
    weights_dir: Path, portrait: Image
) -> None:
    parts = open_parts(weights_dir, NO_PAD)
    raw = (weights_dir / parts.pack.embedder.file).read_bytes()
    broken = Recognizer(replace(parts, embedder=_NoNumbers(raw, parts.pack.embedder)), NO_PAD)
    (found,) = broken.embed_photo(portrait)
    subject = broken.look(portrait, 0.0).subject
    assert subject is not None
    assert (found.quality.reason, found.embedding) == (Reason.UNREADABLE, None)
    assert (subject.quality.reason, subject.embedding) == (Reason.UNREADABLE, None)
    template = np.eye(1, 192, dtype=np.float32)
    with pytest.raises(GalleryError):
        Matcher(["1"], template).scores(np.full((1, 192), np.nan, dtype=np.float32))
    with pytest.raises(GalleryError):
        Matcher(["1"], np.full((1, 192), np.nan, dtype=np.float32))


def test_networks_that_take_something_else_are_refused_by_name(weights_dir: Path) -> None:
    pack = load_manifest().packs["open"]
    raw = (weights_dir / pack.embedder.file).read_bytes()
    with pytest.raises(ModelError, match="expected \\['data'\\]"):
        Embedder(raw, pack.embedder.model_copy(update={"input": "data"}))
    assert pack.pad is not None
    with pytest.raises(ModelError, match="minifasnet"):
        PadDetector([raw, raw], pack.pad)


@pytest.fixture(scope="module")
def gallery(eyes: Recognizer, photos: dict[str, Path]) -> Matcher:
    found = eyes.embed_photo(np.asarray(cv2.imread(str(photos["t1"])), dtype=np.uint8))
    templates = [face.embedding for face in found if face.embedding is not None]
    return Matcher([str(n) for n in range(len(templates))], np.stack(templates))


# Where garbage can come to look like something: noise of every grain, tiles, stripes, one colour.
garbage = st.tuples(
    st.integers(0, 2**32 - 1), st.integers(1, 900), st.integers(1, 900), st.integers(1, 64)
)


@given(garbage)
@settings(max_examples=25, deadline=None)
def test_garbage_is_never_accepted(
    eyes: Recognizer, gallery: Matcher, made: tuple[int, int, int, int]
) -> None:
    seed, height, width, grain = made
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // grain + 1, width // grain + 1, 3), dtype=np.uint8)
    frame = np.asarray(
        cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8
    )
    recognizer = Recognizer(eyes._parts, NO_PAD)
    looks = [recognizer.look(frame, n / 15).subject for n in range(4)]
    evidence: list[Evidence] = [subject for subject in looks if subject is not None]
    policy = DecisionPolicy(threshold(6, 0.003, eyes.calibration))
    assert policy.decide(evidence, gallery).verdict is not Verdict.ACCEPT


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_even_garbage_that_got_as_far_as_an_embedding_matches_nobody(
    eyes: Recognizer, gallery: Matcher, seed: int
) -> None:
    """The detector and quality passed over: a crop of noise of a random grain, straight in."""
    rng = np.random.default_rng(seed)
    grain = int(rng.integers(2, 113))
    coarse = rng.integers(0, 256, (grain, grain, 3), dtype=np.uint8)
    crop = np.asarray(cv2.resize(coarse, (112, 112)), dtype=np.uint8)
    probe = eyes._parts.embedder.embed(crop[None])
    best = gallery.best(gallery.scores(probe)[0])
    assert best.score < threshold(6, 0.003, eyes.calibration)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=10, max_size=10))
def test_landmarks_anywhere_give_a_quality_and_no_error(numbers: list[float]) -> None:
    points = np.array(numbers, dtype=np.float32).reshape(5, 2)
    picture = np.random.default_rng(4).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    crop = align(picture, points)
    assert crop.shape == (112, 112, 3)
    quality = assess(picture, Face((10, 10, 90, 90), points, 0.9), crop, QualitySettings())
    outside = (points < 0).any() or (points >= (160, 120)).any()
    assert 0 <= quality.score <= 1
    assert not outside or quality.reason is not None
