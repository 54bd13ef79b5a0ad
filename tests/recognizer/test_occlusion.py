"""What covers a face is noticed and named; free faces, dark or fair, bearded or not, are let be."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.align import similarity
from recognizer.faces import Face, Image
from recognizer.occlusion import brow_light, eyes_light, mouth_detail
from recognizer.pipeline import Recognizer, RecognizerSettings, open_recognizer
from recognizer.quality import Reason

# In ArcFace's 112x112 template; colours are BGR.
MASK = [(20, 62), (40, 60), (56, 66), (72, 60), (92, 62), (90, 92), (78, 112), (34, 112), (22, 92)]
CAP = [(5, -30), (107, -30), (108, 44), (85, 50), (56, 53), (27, 50), (4, 44)]
LENSES = [[(24, 42), (52, 42), (49, 62), (28, 62)], [(60, 42), (88, 42), (84, 62), (63, 62)]]
DARK = (35, 30, 30)


def covered(image: Image, face: Face, shapes: list[list[tuple[int, int]]], colour: object) -> Image:
    """The picture with flat shapes drawn over the face, their edges as soft as the picture's."""
    back = cv2.invertAffineTransform(similarity(face.landmarks))
    mask = np.zeros(image.shape[:2], dtype=np.uint8)
    for shape in shapes:
        points = np.array(shape) @ back[:, :2].T + back[:, 2]
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255)
    share = cv2.GaussianBlur(mask, (0, 0), 1.0)[:, :, None] / 255
    return np.asarray(image * (1 - share) + np.array(colour) * share, dtype=np.uint8)


@pytest.fixture(scope="module")
def eyes(weights_dir: Path) -> Recognizer:
    return open_recognizer(weights_dir, RecognizerSettings(pad=False))


@pytest.fixture(scope="module")
def portrait(photos: dict[str, Path]) -> Image:
    image = np.asarray(cv2.imread(str(photos["astronaut"])), dtype=np.uint8)
    return np.asarray(cv2.resize(image, None, fx=1.3, fy=1.3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("shapes", "colour", "reason"),
    [
        ([MASK], (225, 225, 220), Reason.MOUTH_COVERED),
        ([MASK], (190, 150, 90), Reason.MOUTH_COVERED),
        ([MASK], (140, 170, 200), Reason.MOUTH_COVERED),
        ([CAP], DARK, Reason.BROW_COVERED),
        (LENSES, DARK, Reason.EYES_COVERED),
    ],
)
def test_what_covers_a_face_is_named(
    eyes: Recognizer,
    portrait: Image,
    shapes: list[list[tuple[int, int]]],
    colour: tuple[int, int, int],
    reason: Reason,
) -> None:
    (free,) = eyes.embed_photo(portrait)
    assert free.quality.reason is None
    (found,) = eyes.embed_photo(covered(portrait, free.face, shapes, colour))
    assert found.quality.reason is reason
    assert found.embedding is None


@given(st.floats(0.35, 1.0), st.integers(0, 2**32 - 1))
def test_skin_colour_and_exposure_cancel_out(factor: float, seed: int) -> None:
    rough = np.random.default_rng(seed).integers(40, 250, (14, 14, 3), dtype=np.uint8)
    crop = np.asarray(cv2.resize(rough, (112, 112), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    darker = np.asarray(np.round(crop * factor), dtype=np.uint8)
    for measure in (brow_light, eyes_light, mouth_detail):
        assert measure(darker) == pytest.approx(measure(crop), rel=0.08)


def test_no_real_face_is_called_covered(eyes: Recognizer, shared_faces: Path) -> None:
    """99 good faces: beards, ordinary glasses, dark and fair skin, old and young."""
    covered_faces, good = [], 0
    folders = ("identification", "group")
    for path in sorted(p for f in folders for p in (shared_faces / f).rglob("*.jp*g")):
        for found in eyes.embed_photo(np.asarray(cv2.imread(str(path)), dtype=np.uint8)):
            good += found.quality.reason is None
            if found.quality.reason in (
                Reason.BROW_COVERED,
                Reason.EYES_COVERED,
                Reason.MOUTH_COVERED,
                Reason.NOT_A_FACE,
            ):
                covered_faces.append((path.name, found.quality.reason))
    assert covered_faces == []
    assert good >= 95
