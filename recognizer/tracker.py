"""Faces keep their identity from frame to frame, and one of them is served.

Identity
- A face of this frame continues the track whose last box it overlaps most (greedy, best pair
  first); otherwise it begins a new track. Track numbers are never used again.
- `confirm` corrects that by the face itself, for the one face a frame that is embedded. A track
  remembers a running embedding. A face that agrees with its track is that track; one that does not
  is the lost track that it agrees with (it moved too fast for its box), else a new one (somebody
  else stepped into the box). So what is said of one track is said of one person.
- A face whose track has no embedding yet is the lost track that it agrees with, else itself.
- Two faces of one frame are two people: only a track without a face in this frame is lost.
- A track that nobody continues for `forget_s` is gone, its embedding with it.

Choice
- The subject weighs most: size, nearness to the centre, and persistence (`_weight`). It stays the
  subject until another face weighs `takeover` times as much, or it is gone, or has been served.

No clock: times are seconds of the camera's clock, given by the caller, never falling.

    tracked = tracker.follow(faces, at_s)
    subject = tracker.choose(tracked, (640, 480), served)
    number = tracker.confirm(subject.track, embedding)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recognizer.faces import Face, Vector, overlap

_NEWEST = 0.2  # share of the newest embedding in the running one: it follows a turning head
_NEWEST_PACE = 0.4  # share of the newest pace in the running one: jitter to and fro cancels out
_STILL = 1.0  # face widths a second: what a person on the spot sways, and a detector jitters


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
    """How many times the subject's weight a bystander must have to take its place."""
    settle_s: float = 1.0
    """After so long a face counts in full; one that has just appeared counts half."""
    min_subject_px: float = 40
    """Narrower faces are passers-by and are only followed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Track:
    number: int
    box: tuple[float, float, float, float]
    since_s: float
    seen_s: float
    pace: tuple[float, float] = (0.0, 0.0)  # of the centre, running, in face widths a second
    embedding: Vector | None = None  # running, of length 1

    def moved(self, face: Face, at_s: float) -> _Track:
        """The track with the face of a later frame."""
        pace, passed = self.pace, at_s - self.seen_s
        if passed > 0:
            x, y, w, h = self.box
            unit = max(w, 1.0) * passed
            now = ((face.centre[0] - x - w / 2) / unit, (face.centre[1] - y - h / 2) / unit)
            pace = (
                pace[0] + _NEWEST_PACE * (now[0] - pace[0]),
                pace[1] + _NEWEST_PACE * (now[1] - pace[1]),
            )
        return replace(self, box=face.box, seen_s=at_s, pace=pace)


class Tracker:
    """Follows faces through a stream of frames; one per camera.

    `same_person` is the cosine from which two embeddings are taken for one person's.
    """

    def __init__(self, settings: TrackerSettings, same_person: float) -> None:
        self._settings, self._same_person = settings, same_person
        self._tracks: dict[int, _Track] = {}
        self._visible: frozenset[int] = frozenset()
        self._next = 1
        self._subject: int | None = None

    def follow(self, faces: Sequence[Face], at_s: float) -> tuple[TrackedFace, ...]:
        """The faces of a frame with their tracks, in the given order."""
        s = self._settings
        alive = [t for t in self._tracks.values() if at_s - t.seen_s <= s.forget_s]
        pairs = sorted(
            (
                (overlap(track.box, face.box), i, j)
                for i, face in enumerate(faces)
                for j, track in enumerate(alive)
            ),
            key=lambda pair: -pair[0],
        )
        track_of: dict[int, _Track] = {}
        continued: set[int] = set()
        for shared, i, j in pairs:
            if shared >= s.min_overlap and i not in track_of and j not in continued:
                track_of[i] = alive[j].moved(faces[i], at_s)
                continued.add(j)
        for i, face in enumerate(faces):
            if i not in track_of:
                track_of[i] = _Track(self._number(), face.box, at_s, at_s)
        self._visible = frozenset(track.number for track in track_of.values())
        tracks = [*(t for j, t in enumerate(alive) if j not in continued), *track_of.values()]
        self._tracks = {track.number: track for track in tracks}
        return tuple(TrackedFace(track_of[i].number, face) for i, face in enumerate(faces))

    def alive(self) -> frozenset[int]:
        """The tracks that are still about, seen in the last frame or missed for a moment."""
        return frozenset(self._tracks)

    def confirm(self, number: int, embedding: Vector) -> int:
        """The track that this face of the last frame belongs to, by its (d,) unit embedding.

        `number` itself, or the one that the face has from now on. Raises `KeyError` for a track
        that is not in the last frame.
        """
        if number not in self._visible:
            raise KeyError(f"track {number} has no face in the last frame")
        track = self._tracks[number]
        if track.embedding is not None and self._agrees(track, embedding):
            self._tracks[number] = replace(track, embedding=_blend(track.embedding, embedding))
            return number
        lost = [
            t
            for t in self._tracks.values()
            if t.number not in self._visible and self._agrees(t, embedding)
        ]
        old = max(lost, key=lambda t: _cosine(t, embedding), default=None)
        if track.embedding is None and old is None:
            self._tracks[number] = replace(track, embedding=embedding)
            return number
        if old is not None and old.embedding is not None:
            mine = replace(
                track,
                number=old.number,
                since_s=old.since_s,
                embedding=_blend(old.embedding, embedding),
            )
        else:
            mine = _Track(
                self._number(), track.box, track.seen_s, track.seen_s, embedding=embedding
            )
        self._replace(track, mine)
        return mine.number

    def choose(
        self, faces: Sequence[TrackedFace], size: tuple[int, int], served: frozenset[int]
    ) -> TrackedFace | None:
        """The face to serve in a frame of `size` (width, height), preferring the unserved."""
        large = [f for f in faces if f.face.box[2] >= self._settings.min_subject_px]
        waiting = [f for f in large if f.track not in served] or large
        if not waiting:
            return None
        weights = {f.track: self._weight(f, size) for f in waiting}
        best = max(waiting, key=lambda f: weights[f.track])
        for face in waiting:
            if face.track == self._subject and weights[best.track] < (
                self._settings.takeover * weights[face.track]
            ):
                best = face
        self._subject = best.track
        return best

    def _weight(self, face: TrackedFace, size: tuple[int, int]) -> float:
        """Prominence, halved for a face that has just appeared, divided by its pace past walking.

        Somebody who stands there settles within `settle_s`; somebody who walks past at 1 m/s
        moves by six face widths a second (a face is about 0.16 m wide) and weighs a sixth.
        """
        track = self._tracks[face.track]
        settled = min((track.seen_s - track.since_s) / self._settings.settle_s, 1.0)
        return (
            prominence(face.face, size)
            * (0.5 + 0.5 * settled)
            / max(math.hypot(*track.pace), _STILL)
        )

    def _agrees(self, track: _Track, embedding: Vector) -> bool:
        return _cosine(track, embedding) >= self._same_person

    def _replace(self, track: _Track, mine: _Track) -> None:
        """Give the face of `track` to `mine`; what `track` knew of somebody else stays, lost."""
        visible = (self._visible - {track.number}) | {mine.number}
        if track.embedding is None:
            del self._tracks[track.number]
        self._tracks[mine.number] = mine
        self._visible = visible
        if self._subject == track.number:
            self._subject = mine.number

    def _number(self) -> int:
        self._next += 1
        return self._next - 1


def prominence(face: Face, size: tuple[int, int]) -> float:
    """Size of the face in pixels, halved at a corner of the frame."""
    _, _, w, h = face.box
    x, y = face.centre
    width, height = size
    off = math.hypot(x - width / 2, y - height / 2) / math.hypot(width / 2, height / 2)
    return math.sqrt(w * h) * (1 - 0.5 * min(off, 1.0))


def _cosine(track: _Track, embedding: Vector) -> float:
    return -1.0 if track.embedding is None else float(track.embedding @ embedding)


def _blend(running: Vector, newest: Vector) -> Vector:
    mixed = (1 - _NEWEST) * running + _NEWEST * newest
    return np.asarray(mixed / np.linalg.norm(mixed), dtype=np.float32)
