"""All peers on the same pictures in one run, picture by picture by turns.

Rules
- Every peer sees a picture before any sees the next; who begins moves on by one each time.
- A peer that cannot show a kind of pictures is a row with its reason there; the others go on.
- Each kind of pictures has processes of its own, so that memory is of that kind.
- Accuracy is of the first showing of each picture; times are of all, the warm-up's left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np

from benchmarks.peers.asking import Peer, PeerError
from benchmarks.peers.pictures import Kind, Shown
from benchmarks.peers.rows import ENROLLED, Row
from benchmarks.peers.serving import Answer

_WARM_UP = 20
# A peer's threads may spin a while after their work; the next one's time must not have that.
_SETTLE_S = 0.005


@dataclass(slots=True)
class Course:
    """What one peer said and took of one kind: `answers` of the first showing, times of all.

    `missed` are pictures in which it found nobody to enrol; `failure` is why there are no figures.
    """

    failure: str | None = None
    answers: list[Answer] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    missed: int = 0
    peak_mb: float = 0.0


@dataclass(slots=True)
class Result:
    """A row's figures by the title of the kind of pictures."""

    name: str
    ready_s: list[float] = field(default_factory=list)
    courses: dict[str, Course] = field(default_factory=dict)


def compare(
    rows: Sequence[Row],
    start: Callable[[Row], Peer],
    kinds: Sequence[Kind],
    repetitions: int,
    starts: int,
) -> list[Result]:
    """Each row's result. For each kind a row is started `starts` times; the last one goes on."""
    results = {row.name: Result(row.name) for row in rows}
    for kind in kinds:
        for _ in range(starts - 1):
            with ExitStack() as running:
                _started(rows, start, results, kind, running)
        with ExitStack() as running:
            peers = _started(rows, start, results, kind, running)
            courses = {name: results[name].courses[kind.title] for name in peers}
            _show(peers, courses, kind, repetitions)
    return list(results.values())


def _started(
    rows: Sequence[Row],
    start: Callable[[Row], Peer],
    results: dict[str, Result],
    kind: Kind,
    running: ExitStack,
) -> dict[str, Peer]:
    """The rows' processes, as long as `running` is open; without those that failed."""
    peers = {}
    for row in rows:
        result = results[row.name]
        course = result.courses.setdefault(kind.title, Course())
        if course.failure is not None:
            continue
        with _failing(course):
            peer = peers[row.name] = running.enter_context(start(row))
            result.ready_s.append(peer.ready_s)
    return peers


@contextmanager
def _failing(course: Course) -> Iterator[None]:
    try:
        yield
    except PeerError as error:
        course.failure = str(error)


def _show(peers: dict[str, Peer], courses: dict[str, Course], kind: Kind, repetitions: int) -> None:
    """Whole rounds of the pictures, as many as the repetitions need; peers that end leave."""
    for name, peer in peers.items():
        with _failing(courses[name]):
            courses[name].missed = len(peer.enrol(kind.enrol, ENROLLED))
    shown = kind.shown
    rounds = -(-repetitions // len(shown))
    order = [shown[i % len(shown)] for i in range(_WARM_UP)] + list(shown) * rounds
    for i, picture in enumerate(order):
        names = [name for name in peers if courses[name].failure is None]
        for name in names[i % len(names) :] + names[: i % len(names)] if names else []:
            time.sleep(_SETTLE_S)
            with _failing(courses[name]):
                answer = _asked(peers[name], picture, kind.still, first=i == _WARM_UP)
                if i >= _WARM_UP:
                    _keep(courses[name], answer, i < _WARM_UP + len(shown))
    for name, peer in peers.items():
        with _failing(courses[name]):
            if courses[name].failure is None:
                courses[name].peak_mb = peer.peak_mb()


def _keep(course: Course, answer: Answer, first: bool) -> None:
    if first:
        course.answers.append(answer)
    course.seconds.append(answer["seconds"])
    course.cpu_seconds.append(answer["cpu_seconds"])


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

    def no_worse_than(self, other: Right) -> bool:
        """As many right, and no more taken for somebody else."""
        return self.right >= other.right and (
            self.wrong + self.strangers <= other.wrong + other.strangers
        )


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


def times_as_long(course: Course, ours: Course) -> tuple[float, float]:
    """The median of this one's time over ours on the same picture, neighbours in the run.

    Of all pictures, then of those whose face both compared with the gallery, NaN without any: who
    turns a picture down saves the embedder.
    """
    ratios = np.array(course.seconds) / np.array(ours.seconds)
    pairs = zip(course.answers, ours.answers, strict=True)
    both = [mine["best"] is not None and other["best"] is not None for mine, other in pairs]
    compared = ratios[np.resize(both, len(ratios))]  # whole rounds of the same pictures
    return float(np.median(ratios)), float(np.median(compared)) if len(compared) else float("nan")
