"""What was measured as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from benchmarks.peers.comparing import Course, Result, accuracy, times_as_long
from benchmarks.peers.pictures import Pictures, Shown
from benchmarks.timing import timing

_HEAD = (
    "| | pictures/s | median ms | p95 ms | CPU ms | times as long as ours | right | wrong | nobody "
    "| likest is right | strangers taken | peak MB | ready s |"
)
Kind = Literal["photos", "frames"]


@dataclass(frozen=True, slots=True)
class Pass:
    """The results of one setting of the threads; `ours` names the row to divide by."""

    title: str
    ours: str
    results: Sequence[Result]


def markdown(
    passes: Sequence[Pass],
    pictures: Pictures,
    not_run: Mapping[str, str],
    conditions: Mapping[str, object],
) -> str:
    """Tables of both kinds of pictures for each setting, then what was not run."""
    lines = ["# peers", "", *(f"- {name}: {value}" for name, value in conditions.items())]
    for one in passes:
        for kind, shown in _kinds(pictures):
            what = "Single photos" if kind == "photos" else "Walk-ups, 640x480"
            lines += ["", f"## {what}; {one.title}", "", _HEAD, "|" + " --- |" * 13]
            lines += [_line(result, one, kind, shown) for result in one.results]
            lines += [f"| {name} | not run: {why} |" + " |" * 11 for name, why in not_run.items()]
            lines += ["", *_verdict(one, kind, shown)]
    return "\n".join(lines)


def as_json(
    passes: Sequence[Pass],
    pictures: Pictures,
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
                    asdict(result)
                    | {
                        f"accuracy of {kind}": asdict(
                            accuracy(_course(result, kind).answers, shown)
                        )
                        for kind, shown in _kinds(pictures)
                        if result.failure is None
                    }
                    for result in one.results
                ],
            }
            for one in passes
        ],
    }


def _kinds(pictures: Pictures) -> list[tuple[Kind, list[Shown]]]:
    both: list[tuple[Kind, list[Shown]]] = [
        ("photos", pictures.photos),
        ("frames", pictures.frames),
    ]
    return [(kind, shown) for kind, shown in both if shown]


def _course(result: Result, kind: Kind) -> Course:
    return result.photos if kind == "photos" else result.frames


def _line(result: Result, one: Pass, kind: Kind, shown: Sequence[Shown]) -> str:
    if result.failure is not None:
        return f"| {result.name} | not run: {result.failure.replace('|', '/')} |" + " |" * 11
    course, ours = _course(result, kind), _ours(one)
    taken = timing(np.array(course.seconds))
    ratio = "" if ours is None else f"{times_as_long(course, _course(ours, kind)):.2f}"
    seen = accuracy(course.answers, shown)
    cells = [
        result.name,
        f"{_per_second(course):.1f}",
        f"{taken.median_ms:.1f}",
        f"{taken.p95_ms:.1f}",
        f"{np.mean(course.cpu_seconds) * 1e3:.1f}",
        ratio,
        str(seen.right),
        str(seen.wrong),
        str(seen.nobody),
        str(seen.likest_right),
        f"{seen.strangers} of {seen.of_strangers}",
        f"{result.peak_mb:.0f}",
        f"{np.median(result.ready_s):.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _verdict(one: Pass, kind: Kind, shown: Sequence[Shown]) -> list[str]:
    """The goal: twice the fastest peer's throughput, half its memory."""
    ours = _ours(one)
    peers = [r for r in one.results if r.failure is None and not r.name.startswith("ours")]
    if ours is None or not peers:
        return []
    right = accuracy(_course(ours, kind).answers, shown).right
    as_good = [r for r in peers if accuracy(_course(r, kind).answers, shown).right >= right]
    lines = []
    for title, some in (("Fastest peer", peers), ("Fastest with as many right", as_good)):
        if not some:
            lines.append(f"{title}: none.")
            continue
        fastest = max(some, key=lambda result: _per_second(_course(result, kind)))
        speed = _per_second(_course(ours, kind)) / _per_second(_course(fastest, kind))
        memory = ours.peak_mb / fastest.peak_mb
        lines.append(
            f"{title}: {fastest.name}. {ours.name}: {speed:.2f} times its throughput "
            f"(goal 2), {memory:.2f} of its memory (goal 0.5)."
        )
    return lines


def _ours(one: Pass) -> Result | None:
    found = [r for r in one.results if r.name == one.ours and r.failure is None]
    return found[0] if found else None


def _per_second(course: Course) -> float:
    """Pictures a second: the inverse of the mean time, so that slow ones weigh what they take."""
    return float(1 / np.mean(course.seconds))
