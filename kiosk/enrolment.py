"""Enrolment: from photos or the camera to templates, with everything that can go wrong named.

Rules
- Nothing is stored unless every check passes: one face a photo, good enough, the same person in
  all photos, and nobody who is already enrolled under another number.
- No template without a recorded consent.
- The photos are read, never written.
- Of all samples, and of the enrolled templates already there, those that cover the person best stay
  (`recognizer.coverage`), at most 8; the others go. Who adds photos never has to make room.
- Embeddings are compared and stored in the protected form only (`kiosk.protection`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.cameras import Camera
from kiosk.errors import EnrolmentRefusedError
from kiosk.notices import consent_notice
from kiosk.stores import Stores
from recognizer.coverage import MAX_TEMPLATES, Sample, choose
from recognizer.errors import ImageError
from recognizer.matcher import Matcher
from recognizer.pipeline import Recognizer
from recognizer.quality import Reason
from store.records import Instant, person_number
from store.register import Agreement

_CAMERA_FRAMES = 5  # good ones that a camera enrolment needs
_CAMERA_MORE_S = 5.0  # after those, so that a head that turns is caught from its sides
_CAMERA_MOST = 30
_CAMERA_APART_S = 0.3  # between two of them, so that they differ
_CAMERA_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who is enrolled, and how their consent was given."""

    number: str
    name: str
    language: str
    consent: str
    witness: str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Cosines from which two faces are one person's.

    `one_person` is for faces that are said to be the same (1:1, whatever the gallery's size),
    `anybody` for a face that is looked for among all templates (1:N).
    """

    one_person: float
    anybody: float


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


def from_camera(recognizer: Recognizer, camera: Camera) -> list[Sample]:
    """Good frames of the one person in front of the camera; raises `EnrolmentRefusedError`."""
    samples: list[Sample] = []
    last = start = enough = None
    for frame in camera.frames():
        start = frame.at_s if start is None else start
        if frame.at_s - start > _CAMERA_PATIENCE_S:
            break
        if enough is not None and frame.at_s - enough > _CAMERA_MORE_S:
            break
        try:
            look = recognizer.look(frame.image, frame.at_s)
        except ImageError:  # no picture, so it shows nobody; a camera that gives none runs out
            continue
        subject = look.subject
        if len(look.faces) != 1 or subject is None or subject.embedding is None:
            continue
        if last is None or frame.at_s - last >= _CAMERA_APART_S:
            q = subject.quality
            samples.append(Sample(subject.embedding, q.score, q.yaw, q.pitch))
            last = frame.at_s
        if enough is None and len(samples) == _CAMERA_FRAMES:
            enough = frame.at_s
        if len(samples) == _CAMERA_MOST:
            break
    if len(samples) >= _CAMERA_FRAMES:
        return samples
    raise EnrolmentRefusedError(
        "no_face",
        f"the camera gave {len(samples)} good frames of one person, {_CAMERA_FRAMES} are needed; "
        "one person alone, facing the camera, in good light",
    )


def enrol(
    stores: Stores,
    model: str,
    applicant: Applicant,
    samples: Sequence[Sample],
    limits: Limits,
    now: Instant,
) -> int:
    """Store templates of a consenting person and write the records; returns how many are theirs.

    `model` is the embedder's digest. Somebody already enrolled under this number keeps what covers
    them best of old and new, when the face is theirs; adaptive templates give way to the enrolment.
    Raises `EnrolmentRefusedError`, or `InvalidValueError` for an odd number, name or text, and
    leaves everything as it was.
    """
    applicant = replace(applicant, number=person_number(applicant.number))
    protection = stores.protection
    samples = [replace(s, embedding=protection.apply(s.embedding)) for s in samples]
    vectors = np.stack([sample.embedding for sample in samples])
    if float((vectors @ vectors.T).min()) < limits.one_person:
        raise EnrolmentRefusedError(
            "different_people", "the photos do not show one and the same person; sort them"
        )
    _check_others(stores, model, applicant.number, vectors, limits.anybody)
    entries = [e for e in stores.templates.entries(applicant.number) if e.model == model]
    own = stores.templates.vectors([entry.id for entry in entries])
    if len(own) and float((own @ vectors.T).max(axis=0).min()) < limits.one_person:
        raise EnrolmentRefusedError(
            "different_people",
            f"number {applicant.number} is enrolled with another face; "
            f"if the person changed, `kiosk people remove {applicant.number}` first",
        )
    came = stores.sharing.standing(applicant.number).came  # from another terminal: all go
    old = [
        (entry.id, Sample(vector, entry.quality_millionths / 1e6))
        for entry, vector in zip(entries, own, strict=True)
        if entry.origin == "enrolled" and not came
    ]
    picked = choose([*samples, *(sample for _, sample in old)], MAX_TEMPLATES)
    new = [samples[i] for i in picked if i < len(samples)]
    if not new:
        raise EnrolmentRefusedError(
            "nothing_new", "the photos show nothing that the templates do not cover already"
        )
    kept = {old[i - len(samples)][0] for i in picked if i >= len(samples)}
    notice = consent_notice()
    stores.register.enrol(
        applicant.number,
        applicant.name,
        applicant.language,
        Agreement(notice.version, notice.digest, applicant.consent, applicant.witness),
        model,
        [(sample.embedding, round(sample.quality * 1e6), now) for sample in new],
        now,
        replaced=[entry.id for entry in entries if entry.id not in kept],
        protection=protection.id,
    )
    return len(picked)


def _check_others(
    stores: Stores, model: str, number: str, vectors: NDArray[np.float32], threshold: float
) -> None:
    """Refuse a face that is enrolled under another number."""
    matcher = Matcher(*stores.templates.active(model))
    for vector in vectors:
        match = matcher.identify(vector)
        if match.person not in (None, number) and match.score >= threshold:
            raise EnrolmentRefusedError(
                "already_enrolled",
                f"this face is already enrolled under number {match.person}; "
                f"if that was a mistake, `kiosk people remove {match.person}` first",
            )
