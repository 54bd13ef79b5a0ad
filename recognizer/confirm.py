"""A second opinion on a found face: MTCNN's last network judges the detector's box.

YuNet takes a dog for a face at 0.86, which no threshold of its own parts from tight head shots; a
network trained otherwise does not make the same mistake. Only the subject of a frame and the faces
of a photo are judged, and only when their quality will do, so a frame costs one 48x48 patch.
"""

from __future__ import annotations

import numpy as np

from recognizer.faces import Face, Image
from recognizer.mtcnn import ONET, patches, squared
from recognizer.session import PLAIN, Session, SessionSettings, Tensor

_SIDE = 48  # O-Net's window


class FaceConfirmation:
    """O-Net on its own; `least` is the score, 0..1, from which a face is one."""

    def __init__(
        self,
        weights: bytes,
        name: str,
        least: float,
        session: SessionSettings = PLAIN,
    ) -> None:
        self._onet = Session(weights, name, ONET, session)
        self._least = least

    def is_face(self, image: Image, face: Face) -> bool:
        """Whether the network sees a face too; a number that is not finite is a no."""
        return self.score(image, face) >= self._least

    def score(self, image: Image, face: Face) -> float:
        """How much the face in a (h, w, 3) uint8 BGR picture looks like one, 0..1."""
        _, _, scores = self._onet.run(confirm_fed(image, face))
        return float(scores[0, 1])


def confirm_fed(image: Image, face: Face) -> Tensor:
    """What O-Net is fed of a face in a picture: (1, 48, 48, 3) RGB."""
    x, y, w, h = face.box
    square = np.fix(squared(np.array([[x, y, x + w, y + h]], dtype=np.float32)))
    # Every channel is normalised alike, so the small patch is turned to RGB, not the picture.
    bgr = patches(image, square, _SIDE)
    return np.ascontiguousarray(bgr[..., ::-1])
