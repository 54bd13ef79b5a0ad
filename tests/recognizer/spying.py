"""What a test lets count in the place of a network."""

from __future__ import annotations

from recognizer.embedder import Embedder
from recognizer.faces import Image, Vector


class SpyEmbedder:
    """The pack's embedder, which counts the crops that reach it."""

    def __init__(self, real: Embedder) -> None:
        self.real, self.crops = real, 0
        self.dimension = real.dimension

    def embed(self, crops: Image) -> Vector:
        self.crops += len(crops)
        return self.real.embed(crops)
