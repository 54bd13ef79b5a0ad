"""From frame to decision beside the bare networks; what an empty door costs.

Bare is what a frame cannot do without, one after the other: the detector on the very part of the
frame that was searched, and ONNX Runtime on the very tensors that the networks got for this frame,
recorded the turn before. By turns with the whole of it, where networks run at the same time:
checking, tracking, cropping, quality, PAD's crops, normalising, identification, decision.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery import units
from benchmarks.less import measure_less
from benchmarks.timing import Report, by_turns, machine, timing
from morning.cast import Person
from morning.walkup import FPS, Image, Walk, empty_room, walk_up
from recognizer.calibration import threshold
from recognizer.decision import DecisionPolicy
from recognizer.detector import Detector
from recognizer.evidence import Evidence
from recognizer.faces import Face
from recognizer.idle import IdleGate
from recognizer.matcher import Matcher
from recognizer.opening import RecognizerSettings, open_parts
from recognizer.pipeline import Recognizer
from recognizer.session import Session, Tensor

_ENROLLED = 1_000
_PER_PERSON = 8
_IDLE_FPS, _IDLE_S = 10, 20
_SETTLE_S = 4  # a little more than the gate takes to fall asleep


def measure(weights: Path, person: Person, repetitions: int) -> Report:
    """All measurements, on rendered frames of one person who stands at the door."""
    pad = any(weights.glob("minifasnet*"))
    threads = {"ONNX Runtime threads": 1, "OpenCV threads": cv2.getNumThreads()}
    conditions = {"frame": "640x480", "PAD": pad, "enrolled templates": _ENROLLED, **threads}
    report = Report("recognition", {**conditions, **machine()})
    settings = RecognizerSettings(pad=pad)
    frame_over_bare(report, weights, person, repetitions)
    measure_less(report, weights, settings, person, repetitions)
    _empty(report, weights, settings)
    return report


def near(person: Person) -> list[Image]:
    """Ten frames of the person, standing close."""
    return list(walk_up(person.walks[0], Walk(2.0, 140, 150), seed=1))[-10:]


def frame_over_bare(report: Report, weights: Path, person: Person, repetitions: int) -> None:
    """Frame to decision, the bare networks of the frame, and detection alone, by turns."""
    settings = RecognizerSettings(pad=any(weights.glob("minifasnet*")))
    frames = near(person)
    parts = open_parts(weights, settings)
    eyes = Recognizer(parts, settings)
    matcher = Matcher(_numbers(_ENROLLED), units(np.random.default_rng(1), _ENROLLED))
    policy = DecisionPolicy(threshold(_ENROLLED, 0.003, eyes.calibration))
    evidence: list[Evidence] = []
    turn = 0

    def whole(frame: Image) -> Evidence:
        nonlocal turn, evidence
        turn += 1
        subject = eyes.look(frame, turn / FPS).subject
        if subject is None or (subject.embedding is None and not subject.attack):
            raise RuntimeError("the bench's frames must reach the networks")
        evidence = [*evidence[-9:], subject]
        policy.decide(evidence, matcher)
        return subject

    detect = parts.detector.detect
    with _recorded(parts.detector) as calls:

        def bare(_: Image) -> None:
            """What the frame before, which is the same one, asked of the networks."""
            asked = calls[:]
            for run, fed in asked:
                run(fed)
            calls.clear()

        pairs = _turns(frames, repetitions, (whole, bare, detect))
        whole(frames[0])
        networks = list(calls)
    report.timings["frame to decision"] = timing(pairs[:, 0])
    report.timings["the bare networks of that frame"] = timing(pairs[:, 1])
    report.timings["detection on the whole frame"] = timing(pairs[:, 2])
    report.numbers["networks of a frame, detection too, runs"] = len(networks)
    report.numbers["frame to decision over bare"] = float(np.median(pairs[:, 0] / pairs[:, 1]))


def _turns(
    frames: list[Image], repetitions: int, works: tuple[Callable[[Image], object], ...]
) -> NDArray[np.float64]:
    """(repetitions, works) seconds, frame after frame, each frame by all in turn."""
    rounds = [
        by_turns([lambda w=w, f=frame: w(f) for w in works], repetitions // len(frames), 2)  # type: ignore[misc]
        for frame in frames
    ]
    return np.concatenate(rounds)


@contextmanager
def _recorded(
    detector: Detector,
) -> Iterator[list[tuple[Callable[[Any], object], Tensor | Image]]]:
    """The runs of every network meanwhile: ONNX Runtime's own, the detector, what they were fed."""
    calls: list[tuple[Callable[[Any], object], Tensor | Image]] = []
    run, detect = Session.run, detector.detect

    def detecting(image: Image) -> list[Face]:
        calls.append((detect, image))
        return detect(image)

    def recording(self: Session, tensor: Tensor) -> list[Tensor]:
        bare, name = self._session, self._input
        calls.append((lambda fed: bare.run(None, {name: fed}), tensor))
        return run(self, tensor)

    Session.run = recording  # type: ignore[method-assign]
    detector.detect = detecting  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        Session.run = run  # type: ignore[method-assign]
        detector.detect = detect  # type: ignore[method-assign]


def _empty(report: Report, weights: Path, settings: RecognizerSettings) -> None:
    """Processor time of this process for an empty door, as a share of one core."""
    frames = list(empty_room(2.0, seed=1))
    for name, gate in (("off", None), ("on", IdleGate())):
        eyes = Recognizer(open_parts(weights, settings), settings)
        eyes.look(frames[0], -float(_SETTLE_S))
        begun = 0.0
        for i in range(-_SETTLE_S * _IDLE_FPS, _IDLE_S * _IDLE_FPS):
            if i == 0:
                begun = time.process_time()
            frame, at_s = frames[i % len(frames)], i / _IDLE_FPS
            if gate is None or gate.wakes(frame, at_s):
                faces = eyes.look(frame, at_s).faces
                if gate is not None:
                    gate.saw(bool(faces))
        share = (time.process_time() - begun) / _IDLE_S * 100
        report.numbers[f"empty door at {_IDLE_FPS} frames/s, idle gate {name}, % of a core"] = share


def _numbers(n: int) -> list[str]:
    return [f"{i // _PER_PERSON:06}" for i in range(n)]
