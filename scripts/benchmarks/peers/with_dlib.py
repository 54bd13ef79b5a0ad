"""face_recognition: dlib's HOG detector and ResNet, with its own defaults and its own matching."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.serving import run


class FaceRecognition:
    """`face_locations`, `face_encodings`, `face_distance`; tolerance 0.6 is its default."""

    def __init__(self, _: dict[str, Any]) -> None:
        import face_recognition

        self._api = face_recognition
        self._numbers: list[str] = []
        self._templates: Any = None

    def photo(self, image: Any) -> Any:
        """Of the largest face."""
        rgb = np.ascontiguousarray(image[:, :, ::-1])
        found = self._api.face_locations(rgb)
        if not found:
            return None
        largest = max(found, key=lambda box: (box[2] - box[0]) * (box[1] - box[3]))
        return self._api.face_encodings(rgb, [largest])[0]

    def frame(self, image: Any, at_s: float) -> Any:  # noqa: ARG002
        """It knows no streams."""
        return self.photo(image)

    def begin(self) -> None:
        """Nothing is kept between frames."""

    def fill(self, numbers: list[str], templates: Any) -> None:
        """Compare with these."""
        self._numbers, self._templates = numbers, templates

    def identify(self, embedding: Any) -> tuple[str, float, bool]:
        """The nearest."""
        distances = self._api.face_distance(self._templates, embedding)
        first = int(distances.argmin())
        return self._numbers[first], -float(distances[first]), bool(distances[first] <= 0.6)


if __name__ == "__main__":
    run(FaceRecognition)
