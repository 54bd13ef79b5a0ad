"""What one frame says about the person who is served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recognizer.faces import Face, Vector
from recognizer.quality_limits import Quality

if TYPE_CHECKING:  # it needs OpenCV, which a list of people does not
    from recognizer.motion import Motion


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The subject in one frame.

    `live` is 0..1, fused over the track's last frames; None when PAD is off or the quality failed.
    `attack` says that PAD took the face for an attack; such a face is never embedded. `embedding`
    is (d,) float32 of length 1, None when quality or PAD failed. `motion` is the motion check's
    opinion on the track so far, None where it has no vote.
    """

    track: int
    at_s: float
    face: Face
    quality: Quality
    live: float | None
    attack: bool
    embedding: Vector | None
    motion: Motion | None = None
