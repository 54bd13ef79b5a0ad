"""From settings to a recogniser and its decision policy; shared by the daemon and enrolment."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from kiosk.calibration_file import read
from kiosk.settings import Settings
from kiosk.tuning import read_tuning
from recognizer.calibration import beyond_measured, threshold
from recognizer.decision import DecisionPolicy
from recognizer.derived import Choice
from recognizer.pipeline import Recognizer, RecognizerSettings, open_recognizer
from recognizer.quality import QualitySettings
from recognizer.session import PLAIN


def open_eyes(settings: Settings, *, camera: bool = True) -> Recognizer:
    """The recogniser that the settings describe.

    Raises `recognizer.errors.RecognizerError`, and `PhotoSetError` for a calibration file.

    Photos (`camera` False) need no PAD: whoever enrols from them answers for whom they show.
    """
    part, tuned = settings.recognition, read_tuning(settings).tuning
    if tuned is not None:
        cv2.setNumThreads(tuned.opencv_threads)
    return open_recognizer(part.weights, recognizer_settings(settings, camera=camera))


def recognizer_settings(settings: Settings, *, camera: bool = True) -> RecognizerSettings:
    """What `open_eyes` opens, as `kiosk tune` chose; a tuning that does not hold is a remark.

    Raises `PhotoSetError` for a calibration file, and what `recognizer.derived` raises.
    """
    part, found = settings.recognition, read_tuning(settings)
    tuned = found.tuning
    return RecognizerSettings(
        pack=part.pack,
        pad=camera and settings.pad.mode == "on",
        motion_votes=settings.pad.motion == "advise",
        min_face_px=part.min_face_px,
        detector=part.detector,
        around=part.around,
        accept_licence=part.accept_licence,
        calibration=None if part.calibration is None else read(part.calibration, part.pack),
        derived=Choice(
            folder=part.derived,
            kinds={} if tuned is None else tuned.kinds,
            own_embedder=None if part.embedder == "pinned" else part.embedder,
        ),
        session=PLAIN if tuned is None else tuned.session(),
        remarks=() if found.why_not is None else (found.why_not,),
        quality=QualitySettings(**settings.quality.model_dump()),
    )


def policy_for(settings: Settings, eyes: Recognizer) -> Callable[[int], DecisionPolicy]:
    """The decision policy for a gallery of so many templates, at the operator's FPIR.

    A person's score is the best of their templates, so every template is a comparison that can go
    wrong: N of the threshold counts templates. Raises `recognizer.errors.MissingCalibrationError`
    at once, not when the policy is asked.
    """
    part, calibration = settings.recognition, eyes.calibration

    def policy(templates: int) -> DecisionPolicy:
        n = max(templates, 1)
        return DecisionPolicy(
            threshold=threshold(n, part.fpir, calibration),
            margin=settings.decision.margin,
            min_frames=settings.decision.min_frames,
            max_frames=settings.decision.max_frames,
            beyond=beyond_measured(n, part.fpir, eyes.calibration),
        )

    return policy


def verification_for(settings: Settings, eyes: Recognizer) -> Callable[[int], float]:
    """The cosine for 1:1 with somebody of so many templates, at the operator's FMR.

    The best of their templates counts, so they are the N of it.
    """
    fmr = settings.recognition.verification_fmr
    return lambda templates: threshold(max(templates, 1), fmr, eyes.calibration)
