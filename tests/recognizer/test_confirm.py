"""A found face is confirmed by a second network, or goes no further."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from recognizer.faces import Image
from recognizer.manifest import load_manifest
from recognizer.opening import RecognizerSettings, open_parts
from recognizer.pipeline import Recognizer, open_recognizer
from recognizer.quality import Reason

NO_PAD = RecognizerSettings(pad=False)
YUNET = "face_detection_yunet_2023mar.onnx"
ONET = "mtcnn_onet.onnx"


def picture(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path)), dtype=np.uint8)


@pytest.fixture(scope="module")
def yunet_dir(weights_dir: Path) -> Path:
    for name in (YUNET, ONET):
        if not (weights_dir / name).exists():
            pytest.skip(f"needs {name}, which this machine does not have")
    return weights_dir


def test_no_picture_without_people_passes_a_face_on(yunet_dir: Path, shared_faces: Path) -> None:
    eyes = open_recognizer(yunet_dir, NO_PAD)
    pictures = sorted((shared_faces / "negative").iterdir())
    assert len(pictures) == 17
    for path in pictures:
        assert all(f.embedding is None for f in eyes.embed_photo(picture(path))), path.name
        subject = Recognizer(eyes._parts, NO_PAD).look(picture(path), 0.0).subject
        assert subject is None or subject.embedding is None, path.name


def test_a_dog_is_not_a_face_and_pad_never_sees_it(yunet_dir: Path, shared_faces: Path) -> None:
    dogs = picture(shared_faces / "negative" / "dogs.jpg")
    subject = open_recognizer(yunet_dir, RecognizerSettings(pad=True)).look(dogs, 0.0).subject
    assert subject is not None
    assert subject.quality.reason is Reason.NOT_A_FACE
    assert (subject.live, subject.embedding) == (None, None)


def test_the_margin_between_people_and_a_box_of_something_else_is_wide(
    yunet_dir: Path, photos: dict[str, Path]
) -> None:
    parts = open_parts(yunet_dir, NO_PAD)
    assert parts.confirm is not None
    scores = []
    for name in ("astronaut", "t1"):
        image = picture(photos[name])
        scores += [parts.confirm.score(image, face) for face in parts.detector.detect(image)]
    assert len(scores) == 7
    assert min(scores) > 0.9
    (face,) = parts.detector.detect(picture(photos["astronaut"]))
    noise = np.random.default_rng(3).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    assert parts.confirm.score(noise, face) < 0.1
    assert not parts.confirm.is_face(np.zeros((512, 512, 3), dtype=np.uint8), face)


def test_a_terminal_without_the_weights_starts_and_says_so(
    yunet_dir: Path, tmp_path: Path, photos: dict[str, Path]
) -> None:
    for name in (YUNET, "mobilefacenet_arcface_192.onnx"):
        shutil.copy(yunet_dir / name, tmp_path)
    eyes = open_recognizer(tmp_path, NO_PAD)
    assert any("not confirmed" in note and "kiosk models fetch" in note for note in eyes.notes)
    assert eyes.embed_photo(picture(photos["astronaut"]))[0].embedding is not None


def test_mtcnn_is_not_asked_twice(registry_dir: Path) -> None:
    parts = open_parts(registry_dir, NO_PAD)
    assert parts.confirm is None
    assert not any("confirmed" in note for note in parts.notes)


def test_the_default_pack_brings_the_confirmation() -> None:
    pack = load_manifest().packs["open"]
    assert pack.confirm is not None
    assert pack.files().count(pack.confirm.file) == 1
