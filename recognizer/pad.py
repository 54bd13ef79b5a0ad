"""Presentation attack detection with MiniFASNet: is this a live face, or paper or a screen?

Each network looks at the face box grown by its own factor, so that it sees the edges of a held
sheet or screen. Their softmax values of the live class are averaged (the manifest's fusion).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np

from recognizer.errors import ModelError
from recognizer.faces import Face, Image
from recognizer.manifest import PadNetwork, PadSpec
from recognizer.session import PLAIN, Session, SessionSettings, Signature, Tensor
from recognizer.together import Together

_CLASSES = 3  # paper, live, screen


class PadDetector:
    """The networks of a pack, fused."""

    def __init__(
        self,
        weights: Sequence[bytes],
        spec: PadSpec,
        session: SessionSettings = PLAIN,
        together: Together | None = None,
    ) -> None:
        self.spec = spec
        self._together = together or Together(wanted=False)
        self._networks = [
            (Session(raw, n.file, pad_signature(n), session), n)
            for raw, n in zip(weights, spec.networks, strict=True)
        ]

    def live(self, image: Image, face: Face) -> float:
        """How live the face looks in this one frame, 0..1.

        Raises `ModelError` when a network gives no finite number.
        """
        runs = [partial(self._live, image, face, *each) for each in self._networks]
        score = float(np.mean(self._together.run(runs)))
        if not np.isfinite(score):
            raise ModelError("a PAD network gave no finite number")
        return score

    def _live(self, image: Image, face: Face, session: Session, network: PadNetwork) -> float:
        (logits,) = session.run(pad_fed(image, face, network))
        powers = np.exp(logits[0] - logits[0].max())
        return float(powers[network.live_class] / powers.sum())


def pad_signature(network: PadNetwork) -> Signature:
    """What a PAD network must look like."""
    return Signature(None, (None, 3, network.size, network.size), (_CLASSES,))


def pad_fed(image: Image, face: Face, network: PadNetwork) -> Tensor:
    """What the network is fed of a face in a picture: (1, 3, size, size) BGR 0..255."""
    left, top, right, bottom = grown(face.box, network.crop, image.shape[1], image.shape[0])
    patch = image[top : bottom + 1, left : right + 1]
    small = cv2.resize(patch, (network.size, network.size))
    return np.asarray(small.transpose(2, 0, 1)[None], dtype=np.float32)


def grown(
    box: tuple[float, float, float, float], factor: float, width: int, height: int
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (inclusive) of the grown box, shifted to stay inside the picture.

    The factor shrinks where the picture is too small for it. As Silent-Face-Anti-Spoofing's
    `src/generate_patches.py` cuts its training patches.
    """
    x, y, w, h = box
    factor = min((height - 1) / h, (width - 1) / w, factor)
    new_w, new_h = w * factor, h * factor
    left, top = x + w / 2 - new_w / 2, y + h / 2 - new_h / 2
    left = min(max(left, 0.0), max(width - 1 - new_w, 0.0))
    top = min(max(top, 0.0), max(height - 1 - new_h, 0.0))
    right, bottom = min(left + new_w, width - 1), min(top + new_h, height - 1)
    return int(left), int(top), int(right), int(bottom)
