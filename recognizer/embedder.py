"""ArcFace embedding: aligned crops in, unit vectors out."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from recognizer.align import CROP_PX
from recognizer.errors import ImageError
from recognizer.manifest import EmbedderSpec
from recognizer.session import PLAIN, Session, SessionSettings, Signature, Tensor
from recognizer.together import Together


class Embedder:
    """The embedding of a face is the sum of its crop's and its mirrored crop's, of length 1."""

    def __init__(
        self,
        weights: bytes,
        spec: EmbedderSpec,
        session: SessionSettings = PLAIN,
        together: Together | None = None,
    ) -> None:
        signature = Signature(spec.input, (None, 3, CROP_PX, CROP_PX), (spec.dimension,))
        self._session = Session(weights, spec.file, signature, session)
        self._spec = spec
        self._together = together or Together(wanted=False)

    @property
    def dimension(self) -> int:
        """Numbers in an embedding."""
        return self._spec.dimension

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, 112, 112, 3) uint8 BGR crops to (n, d) float32 of length 1.

        A row is NaN where the network gave no finite numbers or only zeros. Raises `ImageError` for
        another shape.
        """
        if crops.ndim != 4 or crops.shape[1:] != (CROP_PX, CROP_PX, 3) or crops.dtype != np.uint8:
            raise ImageError(f"crops are (n, 112, 112, 3) uint8, not {crops.dtype} {crops.shape}")
        if not len(crops):
            return np.empty((0, self.dimension), dtype=np.float32)
        both = self.fed(crops)
        sides = (both[: len(crops)], both[len(crops) :])
        (raw,), (mirrored,) = self._together.run([partial(self._session.run, s) for s in sides])
        summed = raw + mirrored
        lengths = np.linalg.norm(summed, axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            unit = summed / lengths
        unit[~np.isfinite(unit).all(axis=1)] = np.nan
        return np.asarray(unit, dtype=np.float32)

    def fed(self, crops: NDArray[np.uint8]) -> Tensor:
        """What the network is fed of (n, 112, 112, 3) crops: (2n, 3, 112, 112), mirrored last."""
        both = np.concatenate([crops, crops[:, :, ::-1]])
        if self._spec.colour == "rgb":
            both = both[:, :, :, ::-1]
        pixels = np.ascontiguousarray(both.transpose(0, 3, 1, 2), dtype=np.float32)
        pixels -= np.float32(self._spec.mean)
        pixels /= np.float32(self._spec.scale)
        return pixels
