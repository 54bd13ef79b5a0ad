"""Ours: `Recognizer.look` for a stream, `embed_photo` for a photo, `Matcher` for the gallery."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.peers.serving import run
from recognizer.matcher import Matcher
from recognizer.opening import Parts, RecognizerSettings, open_parts
from recognizer.pipeline import Recognizer
from recognizer.scrfd import SCRFD, ScrfdDetector
from recognizer.session import Session


class Ours:
    """The default pack, or SCRFD from `given["scrfd"]` before its embedder and nothing else."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._settings = RecognizerSettings(pad=given["pad"])
        self._parts = _parts(given, self._settings)
        self._threshold = given["threshold"]
        self._matcher: Matcher | None = None
        self.begin()

    def begin(self) -> None:
        """A camera's recogniser follows faces: nobody is at the door now."""
        self._eyes = Recognizer(self._parts, self._settings)

    def photo(self, image: Any) -> Any:
        """Of the largest face that passes quality."""
        faces = self._eyes.embed_photo(image)
        return faces[0].embedding if faces else None

    def frame(self, image: Any, at_s: float) -> Any:
        """Of whom `look` serves, if the frame passes quality and PAD."""
        subject = self._eyes.look(image, at_s).subject
        return None if subject is None else subject.embedding

    def fill(self, numbers: list[str], templates: Any) -> None:
        """Compare with these."""
        self._matcher = Matcher(numbers, templates)

    def identify(self, embedding: Any) -> tuple[str, float, bool]:
        """The best person."""
        if self._matcher is None:
            raise RuntimeError("nobody is enrolled yet")
        match = self._matcher.identify(embedding)
        return str(match.person), match.score, match.score >= self._threshold


def _parts(given: dict[str, Any], settings: RecognizerSettings) -> Parts:
    parts = open_parts(Path(given["weights"]), settings)
    if given["scrfd"] is None:
        return parts
    # 0.5 is insightface's own least score. Peers confirm no face by another network.
    network = Session(Path(given["scrfd"]).read_bytes(), "SCRFD", SCRFD)
    return replace(parts, detector=ScrfdDetector(network, 0.5), confirm=None)


if __name__ == "__main__":
    run(Ours)
