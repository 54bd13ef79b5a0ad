"""The real networks on real photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

from recognizer.embedder import Embedder
from recognizer.errors import ImageError, MissingWeightsError, UnknownPackError, WrongWeightsError
from recognizer.faces import Image
from recognizer.motion import Motion, Opinion
from recognizer.opening import open_parts
from recognizer.pipeline import Recognizer, RecognizerSettings, open_recognizer
from tests.recognizer.spying import SpyEmbedder

NO_PAD = RecognizerSettings(pad=False)


def picture(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path)), dtype=np.uint8)


@pytest.fixture(scope="module")
def eyes(weights_dir: Path) -> Recognizer:
    return open_recognizer(weights_dir, NO_PAD)


def test_six_people_are_six_faces_and_all_different(
    eyes: Recognizer, photos: dict[str, Path]
) -> None:
    found = eyes.embed_photo(picture(photos["t1"]))
    assert len(found) == 6
    vectors = np.stack([face.embedding for face in found if face.embedding is not None])
    scores = vectors @ vectors.T
    assert scores[~np.eye(len(scores), dtype=bool)].max() < 0.5


def test_the_mirror_image_is_the_same_person(eyes: Recognizer, photos: dict[str, Path]) -> None:
    image = picture(photos["astronaut"])
    (one,) = eyes.embed_photo(image)
    (other,) = eyes.embed_photo(np.ascontiguousarray(image[:, ::-1]))
    assert one.embedding is not None
    assert other.embedding is not None
    assert float(one.embedding @ other.embedding) > 0.9


def test_noise_is_nobody(eyes: Recognizer) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    assert eyes.embed_photo(noise) == []
    assert eyes.look(noise, 0.0).subject is None


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 4000, 3), (8, 8, 3)])
def test_a_picture_too_small_for_a_face_is_nobody(
    eyes: Recognizer, shape: tuple[int, int, int]
) -> None:
    assert eyes.embed_photo(np.zeros(shape, dtype=np.uint8)) == []


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((480, 640), dtype=np.uint8),
        np.zeros((480, 640, 4), dtype=np.uint8),
        np.zeros((480, 640, 3), dtype=np.uint16),
        np.zeros((0, 640, 3), dtype=np.uint8),
    ],
)
def test_what_is_no_picture_is_a_typed_error(eyes: Recognizer, image: Image) -> None:
    with pytest.raises(ImageError):
        eyes.look(image, 0.0)


def test_missing_weights_are_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match="kiosk models fetch"):
        open_recognizer(tmp_path, NO_PAD)


def test_wrong_weights_are_never_used(tmp_path: Path, weights_dir: Path) -> None:
    for file in weights_dir.glob("*.onnx"):
        raw = bytearray(file.read_bytes())
        raw[-1] ^= 1
        (tmp_path / file.name).write_bytes(raw)
    with pytest.raises(WrongWeightsError, match="SHA-256"):
        open_recognizer(tmp_path, NO_PAD)


def test_an_unknown_pack_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownPackError, match="open"):
        open_recognizer(tmp_path, RecognizerSettings(pack="opne"))


def test_real_people_are_told_apart(eyes: Recognizer, shared_faces: Path) -> None:
    vectors, who = [], []
    for folder in sorted((shared_faces / "identification" / "johns").iterdir()):
        for path in sorted(folder.iterdir()):
            (face,) = eyes.embed_photo(picture(path))[:1]
            if face.embedding is not None:
                vectors.append(face.embedding)
                who.append(folder.name)
    scores = np.stack(vectors) @ np.stack(vectors).T
    upper = np.triu_indices(len(who), 1)
    same = np.equal.outer(np.array(who), np.array(who))[upper]
    assert scores[upper][same].min() > scores[upper][~same].max()


def test_a_print_and_a_screen_are_attacks_and_never_embedded(
    weights_dir: Path, shared_faces: Path
) -> None:
    for name, attack in (("image_F1", True), ("image_F2", True), ("image_T1", False)):
        eyes = open_recognizer(weights_dir, RecognizerSettings(pad=True))
        subject = eyes.look(picture(shared_faces / "pad" / f"{name}.jpg"), 0.0).subject
        assert subject is not None
        assert subject.attack is attack
        assert (subject.embedding is None) is attack


def test_a_face_that_fails_pad_never_reaches_the_embedder(
    weights_dir: Path, shared_faces: Path
) -> None:
    settings = RecognizerSettings(pad=True)
    parts = open_parts(weights_dir, settings)
    for name, embedded in (("image_F1", 0), ("image_F2", 0), ("image_T1", 5)):
        spy = SpyEmbedder(parts.embedder)
        eyes = Recognizer(replace(parts, embedder=cast(Embedder, spy)), settings)
        for i in range(5):
            eyes.look(picture(shared_faces / "pad" / f"{name}.jpg"), i / 15)
        assert spy.crops == embedded, name


def test_a_flat_motion_is_an_attack_only_where_the_operator_lets_it_vote(
    weights_dir: Path, shared_faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat = Motion(Opinion.FLAT, 0.8, 0.0, 0.0, 30)
    monkeypatch.setattr("recognizer.pipeline.judge_motion", lambda track: flat)
    for votes in (False, True):
        eyes = open_recognizer(weights_dir, RecognizerSettings(motion_votes=votes))
        subject = eyes.look(picture(shared_faces / "pad" / "image_T1.jpg"), 0.0).subject
        assert subject is not None
        assert subject.motion == (flat if votes else None)
        assert subject.attack is votes
        assert (subject.embedding is None) is votes
