"""Is somebody who had their answer still the same one? Asked now and then, not at every frame.

Nothing is decided on a face that had its answer; it is embedded only to notice that another one has
taken its place. That is due every `every_s`, and at once when the face moved or was away for a
frame: who changes places moves. What fails (a turned head, a blur) stays due. Pure: boxes and the
camera's seconds.
"""

from __future__ import annotations

from recognizer.faces import Box, overlap

# Intersection over union with the box of the last check. A person on the spot kept 0.80 or more on
# rendered walk-ups; half a face's width of a step to the side leaves 0.33.
_STAYED = 0.7


class Rechecks:
    """Of one stream; `every_s` 0 checks every frame."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._last: dict[int, tuple[float, Box]] = {}

    def due(self, track: int, box: Box, at_s: float) -> bool:
        """Whether this face of the track is to be embedded."""
        if track not in self._last:
            return True
        checked_s, before = self._last[track]
        return at_s - checked_s >= self._every_s or overlap(before, box) < _STAYED

    def done(self, track: int, box: Box, at_s: float) -> None:
        """It was embedded, or PAD turned it down."""
        self._last[track] = (at_s, box)

    def forget_all_but(self, seen: frozenset[int]) -> None:
        """Only who is in this frame is known to be the one of the last check."""
        self._last = {track: last for track, last in self._last.items() if track in seen}
