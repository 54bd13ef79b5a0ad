"""What was measured as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.peers.comparing import Course, Result, accuracy, times_as_long
from benchmarks.peers.pictures import Kind
from benchmarks.timing import timing

_HEAD = (
    "| | pictures/s | median ms | p95 ms | CPU ms | times as long as ours | where both compared "
    "| right | wrong | nobody | likest is right | strangers taken | peak MB | ready s |"
)


@dataclass(frozen=True, slots=True)
class Pass:
    """The results of one setting of the threads; `ours` names the row to divide by."""

    title: str
    ours: str
    results: Sequence[Result]


def markdown(
    passes: Sequence[Pass],
    kinds: Sequence[Kind],
    not_run: Mapping[str, str],
    conditions: Mapping[str, object],
) -> str:
    """Tables of both kinds of pictures for each setting, then what was not run."""
    lines = ["# peers", "", *(f"- {name}: {value}" for name, value in conditions.items())]
    for one in passes:
        for kind in kinds:
            lines += ["", f"## {kind.title}; {one.title}", "", _HEAD, "|" + " --- |" * 14]
            lines += [_line(result, one, kind) for result in one.results]
            lines += [f"| {name} | not run: {why} |" + " |" * 12 for name, why in not_run.items()]
            lines += ["", *_verdict(one, kind)]
    return "\n".join(lines)


def as_json(
    passes: Sequence[Pass],
    kinds: Sequence[Kind],
    not_run: Mapping[str, str],
    conditions: Mapping[str, object],
) -> dict[str, object]:
    """Every time and answer, and what they come to."""
    return {
        "benchmark": "peers",
        "conditions": dict(conditions),
        "not run": dict(not_run),
        "passes": [
            {
                "threads": one.title,
                "results": [
                    asdict(result) | {"accuracy": _accuracies(result, kinds)}
                    for result in one.results
                ],
            }
            for one in passes
        ],
    }


def _accuracies(result: Result, kinds: Sequence[Kind]) -> dict[str, dict[str, int]]:
    return {
        kind.title: asdict(accuracy(result.courses[kind.title].answers, kind.shown))
        for kind in kinds
        if result.courses[kind.title].failure is None
    }


def _line(result: Result, one: Pass, kind: Kind) -> str:
    course, ours = result.courses[kind.title], _ours(one, kind)
    if course.failure is not None:
        return f"| {result.name} | not run: {course.failure.replace('|', '/')} |" + " |" * 12
    taken = timing(np.array(course.seconds))
    ratios = ["", ""]
    if ours is not None:
        ratios = [f"{ratio:.2f}" for ratio in times_as_long(course, ours)]
    seen = accuracy(course.answers, kind.shown)
    cells = [
        result.name,
        f"{_per_second(course):.1f}",
        f"{taken.median_ms:.1f}",
        f"{taken.p95_ms:.1f}",
        f"{np.mean(course.cpu_seconds) * 1e3:.1f}",
        *ratios,
        str(seen.right),
        str(seen.wrong),
        str(seen.nobody),
        str(seen.likest_right),
        f"{seen.strangers} of {seen.of_strangers}",
        f"{course.peak_mb:.0f}",
        f"{np.median(result.ready_s):.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _verdict(one: Pass, kind: Kind) -> list[str]:
    """The goal: twice the fastest peer's throughput, half its memory."""
    ours = _ours(one, kind)
    peers = {
        result.name: result.courses[kind.title]
        for result in one.results
        if result.courses[kind.title].failure is None and not result.name.startswith("ours")
    }
    if ours is None or not peers:
        return []
    wanted = accuracy(ours.answers, kind.shown)
    as_good = [
        name
        for name, course in peers.items()
        if accuracy(course.answers, kind.shown).no_worse_than(wanted)
    ]
    lines = []
    for title, some in (("Fastest peer", list(peers)), ("Fastest with no worse accuracy", as_good)):
        if not some:
            lines.append(f"{title}: none.")
            continue
        fastest = max(some, key=lambda name: _per_second(peers[name]))
        speed = _per_second(ours) / _per_second(peers[fastest])
        memory = ours.peak_mb / peers[fastest].peak_mb
        lines.append(
            f"{title}: {fastest}. {one.ours}: {speed:.2f} times its throughput (goal 2), "
            f"{memory:.2f} of its memory (goal 0.5)."
        )
    return lines


def _ours(one: Pass, kind: Kind) -> Course | None:
    found = (r.courses[kind.title] for r in one.results if r.name == one.ours)
    course = next(found, None)
    return None if course is None or course.failure is not None else course


def _per_second(course: Course) -> float:
    """Pictures a second: the inverse of the mean time, so that slow ones weigh what they take."""
    return float(1 / np.mean(course.seconds))
