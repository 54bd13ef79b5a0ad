"""The protected form of templates: a secret rotation of the embedding space, one a deployment.

- Templates and probes of a deployment go through the same orthogonal matrix, so every cosine
  between them stays (to 1e-5 in float32). Templates of two deployments are compared like those of
  strangers: two independent rotations of one vector are independent directions.
- The matrix is a function of key and dimension alone: SHAKE-256 gives the bits, Box-Muller the
  normal numbers, QR with positive diagonal the rotation, uniform over all (Mezzadri, Notices
  of the AMS 54, 2007). Machines differ in the last bits of log, cos and LAPACK; what comes out
  differs by about 1e-12, so a template made on one is good on another.
- It hides an embedding only from who lacks the key. Key and template together give the embedding
  back, and within a deployment the templates of one person stay linkable.

    protected = Transform(key, 192).apply(vectors)
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 32
_LABEL = b"kiosk template transform 1\0"


class Transform:
    """The (d, d) rotation of a key (32 bytes) and a dimension."""

    def __init__(self, key: bytes | memoryview, dimension: int) -> None:
        if len(key) != KEY_BYTES or dimension < 1:
            raise ValueError(f"a transform takes {KEY_BYTES} bytes and a dimension from 1")
        self.matrix = _rotation(_normals(key, dimension))
        """(d, d) float64, orthogonal; a vector v becomes matrix @ v."""

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., d) float32 vectors of length 1 in the protected form, of length 1 too."""
        return _turned(vectors, self.matrix)

    def remove(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., d) vectors of this transform as the embeddings that they were, to 1e-6."""
        return _turned(vectors, self.matrix.T)

    def reissue(self, vectors: NDArray[np.float32], successor: Transform) -> NDArray[np.float32]:
        """(..., d) vectors of this transform in the form of its successor."""
        return _turned(vectors, successor.matrix @ self.matrix.T)


def key_id(key: bytes | memoryview) -> str:
    """16 hex digits that name a key and tell nothing of it."""
    return hashlib.sha256(key).hexdigest()[:16]


def _turned(vectors: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    turned = vectors.astype(np.float64) @ matrix.T
    turned /= np.linalg.norm(turned, axis=-1, keepdims=True)
    return np.ascontiguousarray(turned, dtype=np.float32)


def _normals(key: bytes | memoryview, dimension: int) -> NDArray[np.float64]:
    """(d, d) standard normal numbers from the key."""
    pairs = (dimension * dimension + 1) // 2
    seeded = hashlib.shake_256(_LABEL)
    for part in (key, dimension.to_bytes(4, "big")):  # joined, they would be one more copy
        seeded.update(part)
    bits = np.frombuffer(seeded.digest(pairs * 16), dtype=">u8")
    # 53 bits, as a double holds; shifted by a half so that the logarithm is finite.
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log(uniform[:pairs])), 2 * np.pi * uniform[pairs:]
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return np.asarray(both[: dimension * dimension].reshape(dimension, dimension))


def _rotation(normals: NDArray[np.float64]) -> NDArray[np.float64]:
    q, r = np.linalg.qr(normals)
    signs = np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return np.asarray(q * signs)
