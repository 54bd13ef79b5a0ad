"""A face library answers over stdin and stdout, one JSON object a line.

Runs in the peer's own environment: the standard library and numpy are all that it may import.

    ready                                                                → said once it has loaded
    {"do": "enrol", "pictures": {"NUMBER": [NPY…]}, "templates": 1000}   → {"missed": [NPY…]}
    {"do": "stream"}                                             → {}     a new visit begins
    {"do": "photo", "path": NPY}                                 → an answer
    {"do": "frame", "path": NPY, "at_s": SECONDS}                → an answer
    {"do": "memory"}                                             → {"peak_mb": MB}

An answer is {"best", "score", "accepted", "seconds", "cpu_seconds"}: the person of the gallery whom
the largest face looks like most, null without a face, and whether the library's threshold accepts.
Seconds are from the BGR picture in memory to the person. The end of stdin ends the process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol, TypedDict

import numpy as np

STRANGER = "random-"  # the people who fill the gallery up, in front of their place in it


class Answer(TypedDict):
    """What a peer says of one picture."""

    best: str | None
    score: float | None
    accepted: bool
    seconds: float
    cpu_seconds: float


class Engine(Protocol):
    """A face library as the bench uses it. Pictures are (h, w, 3) uint8 BGR."""

    def photo(self, image: Any) -> Any:
        """The (d,) embedding of the largest face, None without one."""

    def frame(self, image: Any, at_s: float) -> Any:
        """The same of a frame of a stream."""

    def begin(self) -> None:
        """Another stream begins."""

    def fill(self, numbers: list[str], templates: Any) -> None:
        """Compare with these (n, d) embeddings, as long as the library's own."""

    def identify(self, embedding: Any) -> tuple[str, float, bool]:
        """The likest person, how like (more is liker), and whether that is enough."""


class Cosines:
    """The gallery that a user of numpy writes: one product."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._numbers: list[str] = []
        self._templates: Any = None

    def begin(self) -> None:
        """Nothing is kept between frames."""

    def fill(self, numbers: list[str], templates: Any) -> None:
        """Compare with these."""
        lengths = np.linalg.norm(templates, axis=1, keepdims=True)
        self._numbers, self._templates = numbers, np.ascontiguousarray(templates / lengths)

    def identify(self, embedding: Any) -> tuple[str, float, bool]:
        """The likest by cosine."""
        scores = self._templates @ (embedding / np.linalg.norm(embedding))
        first = int(scores.argmax())
        return self._numbers[first], float(scores[first]), bool(scores[first] >= self._threshold)


def one_thread() -> None:
    """Every library of this process works with one thread; called before the peer is imported."""
    import cv2

    cv2.setNumThreads(1)
    try:
        import onnxruntime
    except ImportError:
        return  # a peer without it
    session = onnxruntime.InferenceSession

    class OneThread(session):  # type: ignore[misc, valid-type]
        def __init__(
            self, model: object, sess_options: Any = None, *rest: object, **named: object
        ) -> None:
            options = sess_options or onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            super().__init__(model, options, *rest, **named)

    onnxruntime.InferenceSession = OneThread


def run(open_engine: Callable[[dict[str, Any]], Engine]) -> None:
    """Serve until stdin ends. What the library itself prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    given = json.loads(sys.argv[1])
    if given["one_thread"]:
        one_thread()
    engine = open_engine(given)
    answers.write("ready\n")
    answers.flush()
    serve(engine, sys.stdin, answers)


def serve(engine: Engine, orders: IO[str], answers: IO[str]) -> None:
    """Do what each line says and answer it with a line."""
    for line in orders:
        answers.write(json.dumps(_done(engine, json.loads(line))) + "\n")
        answers.flush()


def _done(engine: Engine, order: dict[str, Any]) -> Any:
    match order["do"]:
        case "enrol":
            return {"missed": _enrol(engine, order["pictures"], order["templates"])}
        case "stream":
            engine.begin()
            return {}
        case "photo":
            return _answer(engine, engine.photo, np.load(order["path"]))
        case "frame":
            return _answer(engine, lambda i: engine.frame(i, order["at_s"]), np.load(order["path"]))
        case "memory":
            return {"peak_mb": _peak_mb()}
        case other:
            raise ValueError(f"nobody can do {other!r}")


def _answer(engine: Engine, embed: Callable[[Any], Any], image: Any) -> Answer:
    begun, cpu_begun = time.perf_counter(), time.process_time()
    embedding = embed(image)
    best, score, accepted = (None, None, False) if embedding is None else engine.identify(embedding)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu_begun
    return Answer(best=best, score=score, accepted=accepted, seconds=seconds, cpu_seconds=cpu)


def _enrol(engine: Engine, pictures: dict[str, list[str]], templates: int) -> list[str]:
    """The real people first, then random directions; returns pictures without a usable face."""
    numbers: list[str] = []
    embeddings: list[Any] = []
    missed: list[str] = []
    for number, paths in pictures.items():
        for path in paths:
            embedding = engine.photo(np.load(path))
            if embedding is None:
                missed.append(path)
            else:
                numbers.append(number)
                embeddings.append(np.asarray(embedding, dtype=np.float32))
    if not embeddings:
        raise ValueError("none of the pictures to enrol has a face")
    real = np.stack(embeddings)
    rng = np.random.default_rng(1)
    others = rng.standard_normal((templates - len(real), real.shape[1]), dtype=np.float32)
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    others *= np.linalg.norm(real, axis=1).mean()
    numbers += [f"{STRANGER}{i}" for i in range(len(others))]
    engine.fill(numbers, np.concatenate([real, others]))
    return missed


def _peak_mb() -> float:
    """The most that was resident, as Linux counts it: shared libraries included."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("this system does not say how much memory was used")
