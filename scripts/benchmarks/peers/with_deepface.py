"""deepface with its YuNet detector and its Dlib embedder: what it has weights for here.

YuNet's file is ours, dlib's is the one that `face-recognition-models` ships; deepface takes both
from its own folder. 0.07 is its cosine distance for Dlib (deepface/config/threshold.py).
"""

from __future__ import annotations

import os
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchmarks.peers.serving import Cosines, run

_DLIB = "dlib_face_recognition_resnet_model_v1.dat"


class DeepFace(Cosines):
    """`DeepFace.represent` of the largest face."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__(1 - 0.07)
        weights = Path(given["home"]) / ".deepface" / "weights"
        weights.mkdir(parents=True, exist_ok=True)
        shutil.copy(given["yunet"], weights)
        shutil.copy(str(files("face_recognition_models") / "models" / _DLIB), weights)
        os.environ["DEEPFACE_HOME"] = given["home"]
        from deepface import DeepFace as Api

        self._api = Api
        Api.build_model("Dlib")
        Api.build_model("yunet", task="face_detector")

    def photo(self, image: Any) -> Any:
        """Of the largest face; its own switch says "no face" by an exception or without."""
        found = self._api.represent(
            image, "Dlib", enforce_detection=False, detector_backend="yunet", max_faces=1
        )
        # Without a face it embeds the whole picture and says confidence 0.
        return found[0]["embedding"] if found and found[0]["face_confidence"] > 0 else None

    def frame(self, image: Any, at_s: float) -> Any:  # noqa: ARG002
        """It knows no streams."""
        return self.photo(image)


if __name__ == "__main__":
    run(DeepFace)
