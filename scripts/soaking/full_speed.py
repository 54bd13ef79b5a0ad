"""`kiosk run` at full speed with 10,000 templates: its memory, open files and threads stay flat.

The terminal of `./scripts/bench start`: people come and go without a pause, nothing waits for a
camera. A fifth of the time is left to pools and caches; what comes after must not grow.
"""

from __future__ import annotations

from statistics import median

from benchmarks.start import fill, running, terminal
from benchmarks.watching import Sample, slope, warm, watched
from morning.doorway import pictures_of
from soaking.course import Course, Outcome

_TEMPLATES = 10_000
_MOST_GROWN_MB = 5.0  # 2 % of what is resident; the 9 minutes of docs/performance.md grew by 0.2
_MOST_FILES = 2  # SQLite opens and closes its own within a write
_MOST_THREADS = 2  # lamp and buzzer have one each while they blink


def soak(course: Course) -> Outcome:
    """Run for the course's time; every sample is kept in the outcome."""
    config = terminal(course.folder, course.weights)
    pictures_of(course.cast, course.folder / "pictures", frames=20, gap=20)
    fill(config, _TEMPLATES)
    with running(config) as (process, _):
        return judged(list(watched(process, course.seconds)))


def judged(samples: list[Sample]) -> Outcome:
    """What the samples of a run say, and whether it was flat."""
    outcome = Outcome()
    if len(samples) < 20:
        outcome.failures.append(f"{len(samples)} samples are too few to tell; run it for longer")
        return outcome
    kept = warm(samples)
    an_hour = slope(kept)
    grown_mb = an_hour * (kept[-1].at_s - kept[0].at_s) / 3600
    quarter = len(kept) // 4
    first, last = kept[:quarter], kept[-quarter:]
    outcome.numbers = {
        "templates": _TEMPLATES,
        "seconds": round(samples[-1].at_s),
        "resident, first sample, MB": round(samples[0].resident_mb, 1),
        "resident, the most, MB": round(max(s.resident_mb for s in samples), 1),
        "slope over the last 80 %, MB an hour": round(an_hour, 2),
        "grown over the last 80 % by that slope, MB": round(grown_mb, 2),
        "open files, the most": max(s.open_files for s in samples),
        "threads, the most": max(s.threads for s in samples),
    }
    for what, attribute, most in (
        ("open files", "open_files", _MOST_FILES),
        ("threads", "threads", _MOST_THREADS),
    ):
        before = median(getattr(s, attribute) for s in first)
        after = median(getattr(s, attribute) for s in last)
        outcome.numbers[f"{what}, median of the first and last quarter"] = (before, after)
        outcome.require(after - before <= most, f"{what} grew from {before} to {after}")
    outcome.require(grown_mb < _MOST_GROWN_MB, f"resident memory grew by {grown_mb:.1f} MB")
    outcome.numbers["samples (s, MB, files, threads)"] = [
        (round(s.at_s), round(s.resident_mb, 2), s.open_files, s.threads) for s in samples
    ]
    return outcome
