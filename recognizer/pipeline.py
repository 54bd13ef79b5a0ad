"""From a frame to the people in it and what it says about the one who is served.

Rules
- In this order, and a face that fails a step goes no further: detect, track, choose the subject,
  quality, confirmation, PAD, align, embed. A face that fails PAD is never embedded.
- Bystanders are followed, never judged or embedded. Somebody who had their answer is judged and
  embedded only now and then, to notice that it is still them (`recognizer.rechecking`).
- The embedding of a frame confirms the subject's track, or says that it is another person's; PAD
  scores of one face never count for another. In the one frame in which another face takes a track's
  place it is embedded on that track's scores, to notice just that; failing its own, it is dropped.
- No clock and no disk but weights: times come with the frames.

    recognizer = open_recognizer(Path("models"), RecognizerSettings(pad=True))
    look = recognizer.look(frame, at_s)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.align import align
from recognizer.calibration import Calibration, threshold
from recognizer.errors import MissingCalibrationError
from recognizer.evidence import Evidence
from recognizer.faces import Face, Image, Vector, check_image
from recognizer.motion import FRAMES, Motion, Opinion, judge_motion
from recognizer.opening import Parts, RecognizerSettings, open_parts
from recognizer.quality import Quality, Reason, assess
from recognizer.rechecking import Rechecks
from recognizer.searching import Search, SearchLimits
from recognizer.tracker import TrackedFace, Tracker

__all__ = [
    "Evidence",
    "Look",
    "PhotoFace",
    "Recognizer",
    "RecognizerSettings",
    "TrackedFace",
    "open_recognizer",
]

_FRAME_SIDE_PX = 640  # the longer side that a camera's frame is brought to for detection
# The FMR at which two frames are taken for one person's: 0.48 for pack `open`. On rendered walk-ups
# a face had 0.70 or more to its track's running embedding, and 0.30 at most to somebody else's.
_TRACK_FMR = 1e-3
# Tried in order until a face is found. A face that fills the photo is found at 320, for a
# twentieth of what 1280 costs (docs/peers.md).
_PHOTO_SIDES_PX = (640, 320, 1280)


@dataclass(frozen=True, slots=True)
class Look:
    """What a frame shows: every face with its track, and the evidence on the one to serve."""

    faces: tuple[TrackedFace, ...]
    subject: Evidence | None


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFace:
    """A face of a still photo; `embedding` is (d,) float32 of length 1, None if quality failed."""

    face: Face
    quality: Quality
    embedding: Vector | None


class Recognizer:
    """One camera's recogniser; it follows faces, so it belongs to one stream of frames."""

    def __init__(self, parts: Parts, settings: RecognizerSettings) -> None:
        self._parts, self._settings = parts, settings
        known = self._calibration = settings.calibration or parts.pack.calibration
        # Without a calibration nobody can be decided on; until then no two embeddings are one's.
        same_person = 1.0 if known is None else threshold(1, _TRACK_FMR, known)
        self._tracker = Tracker(settings.tracker, same_person)
        self._search = Search(parts.detector, SearchLimits() if settings.around else None)
        self._limits = replace(settings.quality, min_face_px=settings.min_face_px)
        self._rechecks = Rechecks(settings.recheck_s)
        self._live: dict[int, deque[float]] = {}
        self._moved: dict[int, deque[Vector]] = {}
        self.on_subject: Callable[[int, float], None] | None = None
        """Told track and instant of whom `look` has chosen, before it is judged."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person must know: the detector in use, PAD off, licences."""
        return self._parts.notes

    @property
    def model_digest(self) -> str:
        """The embedder's primary SHA-256 in hex: templates of another one are never compared."""
        return self._parts.model_digest

    @property
    def model_digests(self) -> dict[str, str]:
        """The primary SHA-256 of every network that runs, by its use (`recognizer.opening`)."""
        return dict(self._parts.digests)

    @property
    def dimension(self) -> int:
        """Numbers in an embedding."""
        return self._parts.embedder.dimension

    @property
    def calibration(self) -> Calibration:
        """The embedder's impostor distribution: the settings' own, else the pack's.

        Raises `MissingCalibrationError` when there is neither.
        """
        if self._calibration is None:
            pack = self._settings.pack
            raise MissingCalibrationError(
                f"pack {pack} has no calibration, so it has no threshold: run `kiosk models "
                f"calibrate DIR --pack {pack} --out FILE` on photos, a folder a person, and name "
                "FILE in [recognition] calibration, or with --calibration"
            )
        return self._calibration

    def look(
        self, image: NDArray[np.uint8], at_s: float, served: frozenset[int] = frozenset()
    ) -> Look:
        """What is in a (h, w, 3) uint8 BGR frame, preferring somebody whose track is not `served`.

        `served` had their answer: of most of their frames only the quality is said.

        Raises `ImageError` for anything that is no such picture.
        """
        image = check_image(image)
        picture, factor = _fitted(image, _FRAME_SIDE_PX)
        faces = _in_pixels_of_the_frame(self._search.faces(picture, at_s), factor)
        tracked = self._tracker.follow(faces, at_s)
        alive = self._tracker.alive()
        self._live = {track: live for track, live in self._live.items() if track in alive}
        self._moved = {track: moved for track, moved in self._moved.items() if track in alive}
        self._rechecks.forget_all_but(frozenset(one.track for one in tracked))
        subject = self._tracker.choose(tracked, (image.shape[1], image.shape[0]), served)
        if subject is None:
            return Look(tracked, None)
        if self.on_subject is not None:
            self.on_subject(subject.track, at_s)
        if subject.track in served and not self._rechecks.due(
            subject.track, subject.face.box, at_s
        ):
            return Look(tracked, self._followed(image, subject, at_s))
        evidence = self._judge(image, subject, at_s)
        if evidence.attack or evidence.embedding is not None:
            self._rechecks.done(evidence.track, evidence.face.box, at_s)
        return Look(_renumbered(tracked, subject.track, evidence.track), evidence)

    def embed_photo(
        self, image: NDArray[np.uint8], on_stage: Callable[[str], None] = lambda _: None
    ) -> list[PhotoFace]:
        """Every face of a still photo of any size, the largest first; none is an empty list.

        `on_stage` is told when "detect", and then of each face "assess" and "embed", is done.
        """
        image = check_image(image)
        for side in _PHOTO_SIDES_PX:
            picture, factor = _fitted(image, side)
            faces = _in_pixels_of_the_frame(self._parts.detector.detect(picture), factor)
            if faces:
                break
        on_stage("detect")
        ordered = sorted(faces, key=lambda face: face.box[2] * face.box[3], reverse=True)
        return [PhotoFace(face, *self._embed(image, face, on_stage)) for face in ordered]

    def _judge(self, image: Image, subject: TrackedFace, at_s: float) -> Evidence:
        quality, crop = self._assess(image, subject.face)
        live: float | None = None
        attack = False
        voting = self._parts.pad is not None and self._settings.motion_votes
        motion = self._motion(subject) if voting else None
        if quality.reason is None and self._parts.pad is not None:
            live = self._fused_live(image, subject)
            flat = motion is not None and motion.opinion is Opinion.FLAT
            attack = live < self._parts.pad.spec.threshold or flat
        embedding: Vector | None = None
        if quality.reason is None and not attack:
            quality, embedding = self._embed_crop(crop, quality)
        track = subject.track
        if embedding is not None:
            track = self._tracker.confirm(subject.track, embedding)
            if track != subject.track and self._parts.pad is not None:
                live = self._lone_live(subject.track, track)
                attack = live < self._parts.pad.spec.threshold
                embedding = None if attack else embedding
        return Evidence(track, at_s, subject.face, quality, live, attack, embedding, motion)

    def _followed(self, image: Image, subject: TrackedFace, at_s: float) -> Evidence:
        """Of somebody who had their answer, without a network."""
        face = subject.face
        quality = assess(image, face, align(image, face.landmarks), self._limits)
        if self._parts.pad is not None and self._settings.motion_votes:
            self._motion(subject)
        return Evidence(subject.track, at_s, face, quality, None, False, None, None)

    def _motion(self, subject: TrackedFace) -> Motion:
        """The opinion on the subject's track; frames of bad quality show motion too."""
        moved = self._moved.setdefault(subject.track, deque(maxlen=FRAMES))
        moved.append(subject.face.landmarks)
        return judge_motion(tuple(moved))

    def _lone_live(self, before: int, now: int) -> float:
        """This frame's PAD score, for a face that turned out to be of track `now`.

        No face lives on the PAD scores of another one: both tracks begin again.
        """
        latest = self._live.pop(before)[-1]
        self._live[now] = deque([latest], maxlen=self._live_frames())
        self._moved.pop(before, None)
        return latest

    def _fused_live(self, image: Image, subject: TrackedFace) -> float:
        """The mean of the track's last PAD scores, this frame's included."""
        pad = self._parts.pad
        if pad is None:
            raise ValueError("PAD is off")
        scores = self._live.setdefault(subject.track, deque(maxlen=self._live_frames()))
        scores.append(pad.live(image, subject.face))
        return float(np.mean(scores))

    def _live_frames(self) -> int | None:
        return None if self._parts.pad is None else self._parts.pad.spec.frames

    def _embed(
        self, image: Image, face: Face, on_stage: Callable[[str], None]
    ) -> tuple[Quality, Vector | None]:
        quality, crop = self._assess(image, face)
        on_stage("assess")
        if quality.reason is not None:
            return quality, None
        quality, embedding = self._embed_crop(crop, quality)
        on_stage("embed")
        return quality, embedding

    def _assess(self, image: Image, face: Face) -> tuple[Quality, Image]:
        crop = align(image, face.landmarks)
        quality = assess(image, face, crop, self._limits)
        confirm = self._parts.confirm
        if quality.reason is None and confirm is not None and not confirm.is_face(image, face):
            quality = replace(quality, reason=Reason.NOT_A_FACE)
        return quality, crop

    def _embed_crop(self, crop: Image, quality: Quality) -> tuple[Quality, Vector | None]:
        (embedding,) = self._parts.embedder.embed(crop[None])
        if not np.isfinite(embedding).all():
            return replace(quality, reason=Reason.UNREADABLE), None
        return quality, embedding


def _fitted(image: Image, side_px: int) -> tuple[Image, float]:
    """The picture with its longer side at `side_px` and how much larger that is; no copy as is."""
    factor = side_px / max(image.shape[:2])
    if factor == 1 or min(image.shape[:2]) * factor < 1:
        return image, 1.0
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    fitted = cv2.resize(image, None, fx=factor, fy=factor, interpolation=way)
    return np.asarray(fitted, dtype=np.uint8), factor


def _in_pixels_of_the_frame(faces: list[Face], factor: float) -> list[Face]:
    return faces if factor == 1 else [face.scaled(1 / factor) for face in faces]


def _renumbered(faces: tuple[TrackedFace, ...], before: int, now: int) -> tuple[TrackedFace, ...]:
    return tuple(replace(f, track=now) if f.track == before else f for f in faces)


def open_recognizer(weights: Path, settings: RecognizerSettings) -> Recognizer:
    """A recogniser for one camera; raises what `recognizer.opening.open_parts` raises."""
    return Recognizer(open_parts(weights, settings), settings)
