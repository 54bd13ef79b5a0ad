"""uniface's SCRFD and its recogniser's own preparation, on SCRFD-500M and our embedder."""

from __future__ import annotations

import os
from typing import Any

from benchmarks.peers.serving import Cosines, run


class UniFace(Cosines):
    """`SCRFD.detect` with the largest face only, `get_normalized_embedding`."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__(given["threshold"])
        os.environ["UNIFACE_CACHE_DIR"] = given["models"] + "/uniface"
        from uniface.constants import SCRFDWeights
        from uniface.detection import SCRFD
        from uniface.recognition.base import BaseRecognizer, PreprocessConfig

        class Embedder(BaseRecognizer):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__(
                    model_path=given["embedder"],
                    preprocessing=PreprocessConfig(given["mean"], given["scale"]),
                )

        self._detector = SCRFD(
            model_name=SCRFDWeights.SCRFD_500M_KPS, input_size=tuple(given["canvas"])
        )
        self._embedder = Embedder()

    def photo(self, image: Any) -> Any:
        """Of the largest face."""
        faces = self._detector.detect(image, max_num=1, metric="max")
        if not faces:
            return None
        return self._embedder.get_normalized_embedding(image, faces[0].landmarks)

    def frame(self, image: Any, at_s: float) -> Any:  # noqa: ARG002
        """It knows no streams."""
        return self.photo(image)


if __name__ == "__main__":
    run(UniFace)
