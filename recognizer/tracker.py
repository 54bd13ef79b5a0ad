"""Faces keep their identity from frame to frame, and one of them is served.

Rules
- A face of this frame continues the track whose last box it overlaps most (greedy, best pair
  first); otherwise it begins a new track. Track numbers are never used again.
- A track that nobody continues for `forget_s` is gone.
- The subject is the most prominent face: large, near the centre. It stays the subject until another
  face is clearly more prominent, or it is gone, or it has been served.
- No clock: times are seconds of the camera's clock, given by the caller, never falling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from recognizer.faces import Face, overlap


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A face of this frame and the number of its track."""

    track: int
    face: Face


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How faces are followed and chosen."""

    min_overlap: float = 0.3
    """Intersection over union; SORT's own default (Bewley 2016)."""
    forget_s: float = 0.8
    """A track that is not seen for so long is gone: a few missed frames at 15 a second."""
    takeover: float = 1.3
    """How many times as prominent a bystander must be to take the subject's place."""
    min_subject_px: float = 40
    """Narrower faces are passers-by and are only followed."""


@dataclass(frozen=True, slots=True)
class _Track:
    number: int
    box: tuple[float, float, float, float]
    seen_s: float


class Tracker:
    """Follows faces through a stream of frames; one per camera."""

    def __init__(self, settings: TrackerSettings) -> None:
        self._settings = settings
        self._tracks: tuple[_Track, ...] = ()
        self._next = 1
        self._subject: int | None = None

    def follow(self, faces: Sequence[Face], at_s: float) -> tuple[TrackedFace, ...]:
        """The faces of a frame with their tracks, in the given order."""
        s = self._settings
        alive = [t for t in self._tracks if at_s - t.seen_s <= s.forget_s]
        pairs = sorted(
            (
                (overlap(track.box, face.box), i, j)
                for i, face in enumerate(faces)
                for j, track in enumerate(alive)
            ),
            key=lambda pair: -pair[0],
        )
        number_of: dict[int, int] = {}
        continued: set[int] = set()
        for shared, i, j in pairs:
            if shared >= s.min_overlap and i not in number_of and j not in continued:
                number_of[i] = alive[j].number
                continued.add(j)
        for i in range(len(faces)):
            if i not in number_of:
                number_of[i] = self._next
                self._next += 1
        unseen = [t for j, t in enumerate(alive) if j not in continued]
        self._tracks = (
            *unseen,
            *(_Track(number_of[i], face.box, at_s) for i, face in enumerate(faces)),
        )
        return tuple(TrackedFace(number_of[i], face) for i, face in enumerate(faces))

    def alive(self) -> frozenset[int]:
        """The tracks that are still about, seen in the last frame or missed for a moment."""
        return frozenset(track.number for track in self._tracks)

    def choose(
        self, faces: Sequence[TrackedFace], size: tuple[int, int], served: frozenset[int]
    ) -> TrackedFace | None:
        """The face to serve in a frame of `size` (width, height), preferring the unserved."""
        large = [f for f in faces if f.face.box[2] >= self._settings.min_subject_px]
        waiting = [f for f in large if f.track not in served] or large
        if not waiting:
            return None
        best = max(waiting, key=lambda f: prominence(f.face, size))
        for face in waiting:
            if face.track == self._subject and prominence(best.face, size) < (
                self._settings.takeover * prominence(face.face, size)
            ):
                best = face
        self._subject = best.track
        return best


def prominence(face: Face, size: tuple[int, int]) -> float:
    """Size of the face in pixels, halved at a corner of the frame."""
    _, _, w, h = face.box
    x, y = face.centre
    width, height = size
    off = math.hypot(x - width / 2, y - height / 2) / math.hypot(width / 2, height / 2)
    return math.sqrt(w * h) * (1 - 0.5 * min(off, 1.0))
