"""The gallery at size: reading it, searching it, and taking up a change while serving.

Templates are random unit vectors of the default embedder's dimension, eight a person, in a real
encrypted gallery.db in a temporary folder.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import Report, compared, machine, timed
from recognizer.coverage import MAX_TEMPLATES
from recognizer.matcher import Matcher
from store.database import Database, open_database
from store.gallery import Gallery
from store.records import Instant
from store.templates import Templates

_D = 192  # of the default pack's embedder
_MODEL = "ab" * 32
_KEY = bytes(32)


def measure(templates: int, repetitions: int) -> Report:
    """All measurements of a gallery of so many templates."""
    report = Report("gallery", {"templates": templates, "dimension": _D, **machine()})
    rng = np.random.default_rng(1)
    vectors = units(rng, templates)
    numbers = [f"{i // MAX_TEMPLATES:06}" for i in range(templates)]
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder) / "gallery.db", _KEY, create=True)
        try:
            _fill(database, numbers, vectors)
            matcher = _load(report, database, templates)
            _search(report, matcher, vectors, repetitions)
            _change(report, matcher, database, repetitions)
            _reissue(report, database)
        finally:
            database.close()
    return report


def units(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    """(n, 192) float32 random vectors of length 1."""
    raw = rng.normal(size=(n, _D)).astype(np.float32)
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)


def _at() -> Instant:
    utc = datetime(2026, 3, 1, tzinfo=UTC)
    return Instant(utc=utc, zone="UTC", boot="b", monotonic_ns=1, synchronised=True, error_ms=None)


def _fill(database: Database, numbers: list[str], vectors: NDArray[np.float32]) -> None:
    gallery = Gallery(database)
    with database.transaction():
        for first in range(0, len(numbers), MAX_TEMPLATES):
            number = numbers[first]
            gallery.add_person(number, "n", "en", _at())
            gallery.record_consent(number, "v", "d", "h", None, _at())
            rows = [(v, 1, _at()) for v in vectors[first : first + MAX_TEMPLATES]]
            gallery.add_templates(number, _MODEL, rows)


def _load(report: Report, database: Database, templates: int) -> Matcher:
    before = _resident_mb()
    begun = time.perf_counter()
    matcher = Matcher(*Templates(database).active(_MODEL))
    taken = time.perf_counter() - begun
    report.numbers["load, s"] = taken
    report.numbers["load, ms per 1,000 templates"] = taken * 1e6 / templates
    report.numbers["vectors alone, MB"] = templates * _D * 4 / 1e6
    report.numbers["resident memory grown by loading, MB"] = _resident_mb() - before
    return matcher


def _search(
    report: Report, matcher: Matcher, vectors: NDArray[np.float32], repetitions: int
) -> None:
    probe = vectors[len(vectors) // 2]
    row = np.ascontiguousarray(probe[None])
    identify, product, ratio = compared(
        lambda: matcher.identify(probe), lambda: row @ vectors.T, repetitions
    )
    report.timings["identify"] = identify
    report.timings["bare matrix product"] = product
    report.numbers["identify over bare product"] = ratio


def _change(report: Report, matcher: Matcher, database: Database, repetitions: int) -> None:
    number = "000007"
    templates, gallery = Templates(database), Gallery(database)
    fresh = templates.active(_MODEL, [number])
    replace = timed(lambda: matcher.replacing({number}, *fresh), repetitions)
    report.timings["replace one person, in memory"] = replace

    def idle() -> None:
        gallery.version()

    report.timings["notice that nothing changed"] = timed(idle, repetitions)
    position = templates.position()

    def refresh() -> None:
        changes = templates.changed_since(position)
        matcher.replacing(changes.people, *templates.active(_MODEL, changes.people))

    gallery.set_status(number, "blocked", _at())
    gallery.set_status(number, "active", _at())
    report.timings["take up one person's change"] = timed(refresh, repetitions)
    report.timings["list everybody after a removal"] = timed(
        lambda: matcher.names() - templates.numbers(), repetitions
    )
    identify = report.timings["identify"].median_ms
    report.numbers["replace over identify"] = replace.median_ms / identify
    taken = report.timings["take up one person's change"].median_ms
    report.numbers["whole load over one change taken up"] = report.numbers["load, s"] * 1e3 / taken


def _reissue(report: Report, database: Database) -> None:
    """One transaction over everybody: so long other writers of the gallery wait, at most 10 s."""
    begun = time.perf_counter()
    Templates(database).convert(None, "0123456789abcdef", lambda vectors: -vectors)
    report.numbers["re-issue all, one transaction and the log cut, s"] = time.perf_counter() - begun


def _resident_mb() -> float:
    """Of this process, as Linux counts it."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6
