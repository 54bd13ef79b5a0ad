"""All peers on the same pictures in one run, picture by picture by turns.

Rules
- Every peer sees a picture before any sees the next; who begins moves on by one each time.
- A peer that ends is a row with its reason, and the others go on.
- Accuracy is of the first showing of each picture; times are of all, the warm-up's left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from benchmarks.peers.asking import Peer, PeerError
from benchmarks.peers.pictures import Pictures, Shown
from benchmarks.peers.rows import ENROLLED, Row
from benchmarks.peers.serving import Answer

_WARM_UP = 20
# A peer's threads may spin a while after their work; the next one's time must not have that.
_SETTLE_S = 0.005


@dataclass(slots=True)
class Course:
    """What one peer said and took: `answers` of the first showing, seconds of every showing."""

    answers: list[Answer] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    """A row's figures, or why there are none."""

    name: str
    failure: str | None = None
    ready_s: list[float] = field(default_factory=list)
    missed: int = 0
    peak_mb: float = 0.0
    photos: Course = field(default_factory=Course)
    frames: Course = field(default_factory=Course)


def compare(
    rows: Sequence[Row],
    start: Callable[[Row], Peer],
    pictures: Pictures,
    repetitions: int,
    starts: int,
) -> list[Result]:
    """Each row's result; every row is started `starts` times, the last one goes on."""
    results = {row.name: Result(row.name) for row in rows}
    with ExitStack() as running:
        peers: dict[str, Peer] = {}
        for turn in range(starts):
            for row in rows:
                result = results[row.name]
                if result.failure is not None:
                    continue
                try:
                    peer = start(row)
                    result.ready_s.append(peer.ready_s)
                    if turn < starts - 1:
                        peer.close()
                        continue
                    running.callback(peer.close)
                    result.missed = len(peer.enrol(pictures.enrol, ENROLLED))
                    peers[row.name] = peer
                except PeerError as error:
                    result.failure = str(error)
        _show(peers, results, pictures.photos, repetitions, still=True)
        _show(peers, results, pictures.frames, repetitions, still=False)
        for name, peer in peers.items():
            results[name].peak_mb = peer.peak_mb()
    return list(results.values())


def _show(
    peers: dict[str, Peer],
    results: dict[str, Result],
    shown: Sequence[Shown],
    repetitions: int,
    still: bool,
) -> None:
    """Whole rounds of the pictures, as many as the repetitions need; peers that end leave."""
    if not shown:
        return
    rounds = -(-repetitions // len(shown))
    course = [shown[i % len(shown)] for i in range(_WARM_UP)] + list(shown) * rounds
    for i, picture in enumerate(course):
        names = list(peers)
        for name in names[i % len(names) :] + names[: i % len(names)]:
            time.sleep(_SETTLE_S)
            try:
                answer = _asked(peers[name], picture, still, first=i == _WARM_UP)
            except PeerError as error:
                results[name].failure = str(error)
                del peers[name]
                continue
            if i < _WARM_UP:
                continue
            course_of = results[name].photos if still else results[name].frames
            if i < _WARM_UP + len(shown):
                course_of.answers.append(answer)
            course_of.seconds.append(answer["seconds"])
            course_of.cpu_seconds.append(answer["cpu_seconds"])


def _asked(peer: Peer, picture: Shown, still: bool, first: bool) -> Answer:
    if still:
        return peer.photo(picture.path)
    if first or picture.at_s == 0:
        peer.begin()
    return peer.frame(picture.path, picture.at_s)


@dataclass(frozen=True, slots=True)
class Right:
    """Of pictures of enrolled people: right, another person, nobody; and the likest is right.

    `strangers` are pictures of others taken for somebody, of `of_strangers`.
    """

    right: int
    wrong: int
    nobody: int
    likest_right: int
    strangers: int
    of_strangers: int


def accuracy(answers: Sequence[Answer], shown: Sequence[Shown]) -> Right:
    """What the answers on these pictures come to."""
    pairs = list(zip(answers, shown, strict=True))
    known = [(answer, picture) for answer, picture in pairs if picture.number is not None]
    others = [answer for answer, picture in pairs if picture.number is None]
    likest = [answer["best"] == picture.number for answer, picture in known]
    taken = [answer["accepted"] for answer, _ in known]
    right = sum(a and b for a, b in zip(likest, taken, strict=True))
    return Right(
        right=right,
        wrong=sum(taken) - right,
        nobody=len(known) - sum(taken),
        likest_right=sum(likest),
        strangers=sum(answer["accepted"] for answer in others),
        of_strangers=len(others),
    )


def times_as_long(course: Course, ours: Course) -> float:
    """The median of this one's time over ours on the same picture, neighbours in the run."""
    return float(np.median(np.array(course.seconds) / np.array(ours.seconds)))
