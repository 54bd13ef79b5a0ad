"""From photos to samples: one good face a photo, or a refusal that names the photo.

The photos are read, never written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from kiosk.errors import EnrolmentRefusedError
from recognizer.coverage import Sample
from recognizer.pipeline import Recognizer
from recognizer.quality import Reason


def from_photos(
    recognizer: Recognizer, photos: Sequence[Path], *, skip_unusable: bool = False
) -> tuple[list[Sample], list[str]]:
    """The face of each photo, and a line for each photo that was passed over.

    Raises `EnrolmentRefusedError` naming every unusable photo, or, with `skip_unusable`, only when
    no photo is left.
    """
    samples: list[Sample] = []
    refused: list[EnrolmentRefusedError] = []
    for photo in photos:
        try:
            samples.append(_sample(recognizer, photo))
        except EnrolmentRefusedError as error:
            refused.append(error)
    lines = [str(error) for error in refused]
    if refused and not (skip_unusable and samples):
        raise EnrolmentRefusedError(refused[0].reason, "; ".join(lines))
    return samples, lines


def _sample(recognizer: Recognizer, photo: Path) -> Sample:
    try:
        raw = np.frombuffer(photo.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise EnrolmentRefusedError("unreadable", f"{photo}: {error.strerror}") from error
    try:
        image = cv2.imdecode(raw, cv2.IMREAD_COLOR) if raw.size else None  # honours EXIF rotation
    except cv2.error as error:
        raise EnrolmentRefusedError("unreadable", f"{photo}: not a usable picture") from error
    if image is None:
        raise EnrolmentRefusedError("unreadable", f"{photo}: not a picture that can be read")
    faces = [
        face
        for face in recognizer.embed_photo(np.asarray(image, dtype=np.uint8))
        if face.quality.reason is not Reason.NOT_A_FACE  # a dog on the arm is nobody
    ]
    if not faces:
        raise EnrolmentRefusedError(
            "no_face", f"{photo}: no face found; use a frontal, well-lit photo"
        )
    if len(faces) > 1:
        raise EnrolmentRefusedError(
            "several_faces", f"{photo}: {len(faces)} faces; cut the photo to the one person"
        )
    face = faces[0]
    if face.quality.reason is not None or face.embedding is None:
        reason = face.quality.reason
        word, hint = (reason.value, reason.hint) if reason else ("unusable", "take another")
        raise EnrolmentRefusedError(word, f"{photo}: {word.replace('_', ' ')} ({hint})")
    q = face.quality
    return Sample(face.embedding, q.score, q.yaw, q.pitch)
