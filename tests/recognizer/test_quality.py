"""What a face must be like to be judged, and what the person is told otherwise."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.align import TEMPLATE, align
from recognizer.faces import Face, Image
from recognizer.pipeline import RecognizerSettings, open_recognizer
from recognizer.pose import estimate_pose, model_head
from recognizer.quality import Quality, QualitySettings, Reason, assess

LIMITS = QualitySettings()
angles = st.floats(-40, 40)


def turned(yaw: float, pitch: float, roll: float, px: float = 40) -> NDArray[np.float64]:
    """Landmarks of the model head, turned by these degrees, projected and scaled."""
    y, p, r = (math.radians(angle) for angle in (yaw, pitch, roll))
    about_y = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(p), math.sin(p)], [0, -math.sin(p), math.cos(p)]])
    about_z = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    head = model_head() @ (about_z @ about_y @ about_x).T
    return np.asarray(head[:, :2] * px + 200)


def test_the_template_looks_straight_ahead() -> None:
    pose = estimate_pose(turned(0, 0, 0))
    assert (pose.yaw, pose.pitch) == pytest.approx((0, 0), abs=1e-6)
    assert pose.roll == pytest.approx(0, abs=1)


@given(angles)
def test_yaw_is_found(yaw: float) -> None:
    assert estimate_pose(turned(yaw, 0, 0)).yaw == pytest.approx(yaw, abs=0.5)


@given(angles)
def test_pitch_is_found(pitch: float) -> None:
    assert estimate_pose(turned(0, pitch, 0)).pitch == pytest.approx(pitch, abs=0.5)


@given(angles)
def test_roll_is_found(roll: float) -> None:
    assert estimate_pose(turned(0, 0, roll)).roll == pytest.approx(roll, abs=1)


@given(angles, angles, st.floats(10, 300))
def test_size_does_not_matter_to_pose(yaw: float, pitch: float, px: float) -> None:
    small, large = estimate_pose(turned(yaw, pitch, 5, px)), estimate_pose(turned(yaw, pitch, 5))
    assert small.yaw == pytest.approx(large.yaw, abs=1e-3)
    assert small.pitch == pytest.approx(large.pitch, abs=1e-3)


def test_landmarks_that_coincide_are_no_face() -> None:
    assert estimate_pose(np.ones((5, 2))).yaw == 90


@pytest.fixture(scope="module")
def portrait(weights_dir: Path, photos: dict[str, Path]) -> tuple[Image, Face]:
    """The astronaut at terminal size, and her face."""
    image = np.asarray(cv2.imread(str(photos["astronaut"])), dtype=np.uint8)
    image = np.asarray(cv2.resize(image, None, fx=1.3, fy=1.3), dtype=np.uint8)
    eyes = open_recognizer(weights_dir, RecognizerSettings(pad=False))
    (found,) = eyes.embed_photo(image)
    assert found.quality.reason is None
    return image, found.face


def judge(image: Image, face: Face) -> Quality:
    return assess(image, face, align(image, face.landmarks), LIMITS)


def lit(image: Image, factor: float, base: float = 0) -> Image:
    return np.asarray(np.clip(image * factor + base, 0, 255), dtype=np.uint8)


def test_a_good_face_is_good(portrait: tuple[Image, Face]) -> None:
    quality = judge(*portrait)
    assert quality.reason is None
    assert 0.5 <= quality.score <= 1


def test_light_is_judged(portrait: tuple[Image, Face]) -> None:
    image, face = portrait
    assert judge(lit(image, 0.15), face).reason is Reason.TOO_DARK
    assert judge(lit(image, 0.2, 200), face).reason is Reason.TOO_BRIGHT
    assert judge(lit(image, 0.12, 100), face).reason is Reason.FLAT_LIGHT


def test_blur_is_judged(portrait: tuple[Image, Face]) -> None:
    image, face = portrait
    soft = np.asarray(cv2.GaussianBlur(image, (0, 0), 6), dtype=np.uint8)
    assert judge(soft, face).reason is Reason.BLURRED


def test_distance_is_judged(portrait: tuple[Image, Face]) -> None:
    image, face = portrait
    small = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5), dtype=np.uint8)
    assert judge(small, face.scaled(0.5)).reason is Reason.TOO_FAR


def test_a_face_cut_off_by_the_frame_is_judged(portrait: tuple[Image, Face]) -> None:
    image, face = portrait
    x, y, w, h = face.box
    cut = round(x + w / 3)
    moved = Face(
        (x - cut, y, w, h), face.landmarks - np.array([cut, 0], dtype=np.float32), face.score
    )
    assert judge(image[:, cut:], moved).reason is Reason.CLIPPED


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll", "reason"),
    [(60, 0, 0, Reason.TURNED), (0, 60, 0, Reason.TURNED), (0, 0, 50, Reason.TILTED)],
)
def test_pose_is_judged(
    portrait: tuple[Image, Face], yaw: float, pitch: float, roll: float, reason: Reason
) -> None:
    image, face = portrait
    eyes = float(np.linalg.norm(face.landmarks[1] - face.landmarks[0])) * 1.5
    points = turned(yaw, pitch, roll, eyes)
    points += face.landmarks.mean(axis=0) - points.mean(axis=0)
    posed = Face(face.box, points.astype(np.float32), face.score)
    found = judge(image, posed)
    assert found.reason in (reason, Reason.TOO_FAR)  # a turned face has its eyes close together
    assert abs(getattr(found, "roll" if roll else "yaw" if yaw else "pitch")) > 45


def test_every_reason_has_a_hint() -> None:
    assert all(reason.hint for reason in Reason)
    assert TEMPLATE.shape == (5, 2)
