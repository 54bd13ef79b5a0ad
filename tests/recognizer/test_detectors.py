"""YuNet and MTCNN find the same faces and mean the same landmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.align import TEMPLATE, similarity
from recognizer.faces import Face, Image, overlap
from recognizer.pipeline import Recognizer, RecognizerSettings, open_recognizer
from recognizer.suppression import suppress

NO_PAD = RecognizerSettings(pad=False)


def picture(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path)), dtype=np.uint8)


@pytest.fixture(scope="module")
def mtcnn(registry_dir: Path) -> Recognizer:
    return open_recognizer(registry_dir, NO_PAD)


def looks_like_a_face(face: Face) -> bool:
    """Whether the landmarks, brought to the template, lie about where they should."""
    matrix = similarity(face.landmarks)
    brought = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
    return bool(np.linalg.norm(brought - TEMPLATE, axis=1).max() < 14)


def test_mtcnn_says_that_it_stands_in(mtcnn: Recognizer) -> None:
    assert any("mtcnn" in note for note in mtcnn.notes)


def test_mtcnn_finds_the_six_people_and_their_landmarks(
    mtcnn: Recognizer, photos: dict[str, Path]
) -> None:
    found = mtcnn.embed_photo(picture(photos["t1"]))
    assert len(found) == 6
    assert all(looks_like_a_face(each.face) for each in found)


def test_both_detectors_mean_the_same_face(
    mtcnn: Recognizer, weights_dir: Path, photos: dict[str, Path]
) -> None:
    if not (weights_dir / "face_detection_yunet_2023mar.onnx").exists():
        pytest.skip("needs YuNet's weights, which come from a mirror or upstream only")
    yunet = open_recognizer(weights_dir, NO_PAD)
    image = picture(photos["astronaut"])
    (one,), (other,) = mtcnn.embed_photo(image), yunet.embed_photo(image)
    assert overlap(one.face.box, other.face.box) > 0.6
    eyes = float(np.linalg.norm(other.face.landmarks[1] - other.face.landmarks[0]))
    assert np.abs(one.face.landmarks - other.face.landmarks).max() < 0.2 * eyes
    assert one.embedding is not None
    assert other.embedding is not None
    assert float(one.embedding @ other.embedding) > 0.85


def test_mtcnn_finds_a_face_at_the_edge_and_nobody_in_noise(
    mtcnn: Recognizer, photos: dict[str, Path]
) -> None:
    image = picture(photos["astronaut"])[20:, 170:]
    assert len(mtcnn.embed_photo(image)) == 1
    noise = np.random.default_rng(2).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    assert mtcnn.embed_photo(noise) == []
    assert mtcnn.look(np.zeros((480, 640, 3), dtype=np.uint8), 0.0).faces == ()


def test_opening_prints_nothing(weights_dir: Path) -> None:
    program = (
        "from pathlib import Path; from recognizer.pipeline import *;"
        f"open_recognizer(Path({str(weights_dir)!r}), RecognizerSettings(pad=False))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def inclusive(row: NDArray[np.float32]) -> tuple[float, float, float, float]:
    return float(row[0]), float(row[1]), float(row[2]) + 1, float(row[3]) + 1


corners = st.tuples(*[st.floats(0, 200)] * 2, *[st.floats(5, 80)] * 2, st.floats(0, 1))


@given(st.lists(corners, min_size=1, max_size=25), st.floats(0.1, 0.9), st.booleans())
def test_of_overlapping_boxes_the_best_stays(
    rows: list[tuple[float, ...]], most: float, by_smaller: bool
) -> None:
    table = np.array(rows, dtype=np.float32)
    boxes = np.hstack([table[:, :2], table[:, :2] + table[:, 2:4]])
    picked = suppress(boxes, table[:, 4], most, by_smaller=by_smaller)
    assert table[picked[0], 4] == table[:, 4].max()
    scores = [float(table[i, 4]) for i in picked]
    assert scores == sorted(scores, reverse=True)
    assert len(set(picked)) == len(picked)
    if not by_smaller:
        # Pixels are counted inclusively, so each box is one wider and higher.
        stay = [inclusive(table[i]) for i in picked]
        for n, box in enumerate(stay):
            assert all(overlap(box, later) <= most + 1e-3 for later in stay[n + 1 :])
