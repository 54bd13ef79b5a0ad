"""Ours against insightface's own code, on the same weights and the same picture.

The reference runs in an environment of its own, `.cache/reference`, which `scripts/test` makes: it
cannot live beside ours. The tolerances stand beside what was measured on x86-64.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from recognizer.align import align
from recognizer.embedder import Embedder
from recognizer.faces import Image
from recognizer.manifest import load_manifest
from recognizer.pipeline import RecognizerSettings, open_recognizer
from recognizer.scrfd import SCRFD, ScrfdDetector, canvas_size
from recognizer.session import Session

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".cache" / "reference" / "bin" / "python"
SCRIPT = Path(__file__).parent / "reference" / "insightface_says.py"

EMBEDDER = "mobilefacenet_arcface_192.onnx"

PIXELS = 0.01  # of a box's or landmark's coordinate; measured 1.3e-4
SCORE = 1e-5  # measured 1.2e-7
CROP_MEAN, CROP_MOST = 0.005, 2  # grey levels; measured 2.7e-4 and 1
EMBEDDING_MOST = 1e-5  # of a number of the unit vector, on the same crop; measured 0
COSINE = 0.9999  # of the embeddings of either's own crop; measured 1 - 1.8e-7

Said = dict[str, NDArray[Any]]


def read(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path)), dtype=np.uint8)


def insightface_says(
    folder: Path, image: Image, landmarks: NDArray[np.float32], embedder: Path, *detector: object
) -> Said:
    """The reference's arrays for the picture; skips where its environment was not made."""
    if not PYTHON.exists():
        pytest.skip("needs .cache/reference, which scripts/test makes")
    picture, points, out = (folder / name for name in ("picture.png", "points.npy", "out.npz"))
    cv2.imwrite(str(picture), image)
    np.save(points, landmarks)
    spec = load_manifest().packs["open"].embedder
    words = (picture, points, embedder, spec.mean, spec.scale, out, *detector)
    done = subprocess.run(
        [str(PYTHON), "-W", "ignore", str(SCRIPT), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(out) as said:
        return dict(said)


def assert_crops_and_embeddings_agree(
    said: Said, image: Image, landmarks: NDArray[np.float32], weights: Path
) -> None:
    crops = np.stack([align(image, five) for five in landmarks])
    difference = np.abs(crops.astype(int) - said["crops"].astype(int))
    assert difference.mean() <= CROP_MEAN
    assert difference.max() <= CROP_MOST
    embedder = Embedder(weights.read_bytes(), load_manifest().packs["open"].embedder)
    summed = np.asarray(said["embeddings"] + said["mirrored"], dtype=np.float32)
    theirs = summed / np.linalg.norm(summed, axis=1, keepdims=True)
    on_their_crops = embedder.embed(np.asarray(said["crops"], dtype=np.uint8))
    assert np.abs(on_their_crops - theirs).max() <= EMBEDDING_MOST
    assert (embedder.embed(crops) * theirs).sum(axis=1).min() >= COSINE


@pytest.mark.parametrize("name", ["astronaut", "t1"])
def test_the_same_landmarks_give_the_same_crops_and_embeddings(
    name: str, weights_dir: Path, photos: dict[str, Path], tmp_path: Path
) -> None:
    image = read(photos[name])
    eyes = open_recognizer(weights_dir, RecognizerSettings(pad=False))
    landmarks = np.stack([found.face.landmarks for found in eyes.embed_photo(image)])
    said = insightface_says(tmp_path, image, landmarks, weights_dir / EMBEDDER)
    assert_crops_and_embeddings_agree(said, image, landmarks, weights_dir / EMBEDDER)


# A frame of 640x480 goes in as it is; the whole photo and a tall part of it are shrunk and padded.
@pytest.mark.parametrize("shape", ["frame", "landscape", "portrait"])
def test_scrfd_finds_what_insightface_finds(
    shape: str, shared_weights: Path, photos: dict[str, Path], tmp_path: Path
) -> None:
    image = read(photos["t1"])
    if shape == "frame":
        image = np.asarray(cv2.resize(image, (640, 480)), dtype=np.uint8)
    elif shape == "portrait":
        image = np.ascontiguousarray(image[:, 380:900])
    weights = shared_weights / "det_500m.onnx"
    faces = ScrfdDetector(Session(weights.read_bytes(), "SCRFD", SCRFD), 0.5).detect(image)
    landmarks = np.stack([face.landmarks for face in faces])
    canvas = canvas_size(image.shape[1], image.shape[0])[2:]
    embedder = shared_weights / EMBEDDER
    said = insightface_says(tmp_path, image, landmarks, embedder, weights, *canvas)
    assert len(faces) == len(said["boxes"]) >= 2
    theirs = np.asarray(said["boxes"], dtype=np.float32)
    x, y, w, h = np.array([face.box for face in faces]).T
    assert np.abs(np.stack([x, y, x + w, y + h], axis=1) - theirs[:, :4]).max() <= PIXELS
    assert np.abs(landmarks - said["landmarks"]).max() <= PIXELS
    assert np.abs(np.array([face.score for face in faces]) - theirs[:, 4]).max() <= SCORE
    assert_crops_and_embeddings_agree(said, image, landmarks, embedder)
