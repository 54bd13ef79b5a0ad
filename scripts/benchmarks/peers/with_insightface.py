"""insightface's own FaceAnalysis on a model folder of ours: SCRFD-500M and our embedder."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.serving import Cosines, run


class InsightFace(Cosines):
    """`FaceAnalysis.get`, the largest face only; None as the canvas is its own two sizes."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__(given["threshold"])
        from insightface.app import FaceAnalysis

        self._app = FaceAnalysis(given["models"], providers=["CPUExecutionProvider"])
        self._app.prepare(ctx_id=-1, det_size=given["canvas"])
        # It guesses these from node names; our manifest states them.
        recognition = self._app.models["recognition"]
        recognition.input_mean, recognition.input_std = given["mean"], given["scale"]

    def photo(self, image: Any) -> Any:
        """Of the largest face."""
        faces = self._app.get(image, max_num=1, det_metric="max")
        return faces[0].embedding if faces else None

    def frame(self, image: Any, at_s: float) -> Any:  # noqa: ARG002
        """It knows no streams."""
        return self.photo(image)


if __name__ == "__main__":
    run(InsightFace)
