"""How searching, loading, appending, verifying and draining grow: a table, and docs/growth.svg.

- identification, beside one bare matrix product (BLAS) by turns: 100 to 50,000 templates;
- the gallery as `kiosk run` loads it, from opening both encrypted databases on: the same sizes;
- the ledger at each power of ten from 1,000 records on (`benchmarks.growing_ledger`).

Gallery and ledger in processor time of this process, which other programs hardly change.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

from benchmarks.exponent import Growth, Series, over
from benchmarks.gallery import units
from benchmarks.growing_ledger import measured
from benchmarks.log_charts import Panel, log_charts
from benchmarks.start import fill, terminal
from benchmarks.timing import Timing, compared, machine
from kiosk.served import ServedPeople
from kiosk.settings import load
from kiosk.stores import open_stores
from recognizer.coverage import MAX_TEMPLATES
from recognizer.manifest import load_manifest
from recognizer.matcher import Matcher

_TEMPLATES = (100, 1_000, 10_000, 50_000)
_FIRST_RECORDS = 1_000
_LOADED = 5  # times, the median counts


def measure(to: int, repetitions: int, folder: Path | None, say: Callable[[str], None]) -> Growth:
    """Everything, the ledger up to `to` records.

    `to` is 10,000 at least, `repetitions` at most 1,000. `say` is told what is done.
    """
    growth = Growth({"records up to": to, "repetitions": repetitions, **machine()})
    identify, product = _identification(repetitions)
    say("identification")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        loading = _loading(Path(name))
    say("gallery")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        ledger = list(_ledger(Path(name), powers(to), repetitions, say))
    growth.series += [identify, product, loading, *ledger]
    growth.ratios.append(over("identify over bare product", identify, product))
    return growth


def charts(growth: Growth) -> str:
    """What `measure` found as one SVG."""
    identify, product, loading, append, commit, opening, verify, drain = growth.series
    return log_charts(
        [
            Panel("One identification", "templates enrolled", (identify, product)),
            Panel("Opening and loading the gallery", "templates enrolled", (loading,)),
            Panel("One append to the ledger", "records in the ledger", (append, commit)),
            Panel("Opening the ledger", "records in the ledger", (opening,)),
            Panel("Verifying the whole ledger", "records in the ledger", (verify,)),
            Panel("Draining the whole outbox", "records in the ledger", (drain,)),
        ]
    )


def powers(to: int) -> tuple[int, ...]:
    """1,000, 10,000, … as far as `to`."""
    sizes = [_FIRST_RECORDS]
    while sizes[-1] * 10 <= to:
        sizes.append(sizes[-1] * 10)
    return tuple(sizes)


def identified(n: int, repetitions: int) -> tuple[Timing, Timing, float]:
    """One search among `n` templates, one bare product with them, by turns, and their ratio."""
    vectors = units(np.random.default_rng(1), n)
    numbers = [f"{i // MAX_TEMPLATES:06}" for i in range(n)]
    matcher, probe = Matcher(numbers, vectors), vectors[n // 2]
    row = np.ascontiguousarray(probe[None])
    return compared(lambda: matcher.identify(probe), lambda: row @ vectors.T, repetitions)


def _identification(repetitions: int) -> tuple[Series, Series]:
    found = [identified(n, repetitions) for n in _TEMPLATES]
    ours_s = tuple(ours.median_ms / 1e3 for ours, _, _ in found)
    product_s = tuple(product.median_ms / 1e3 for _, product, _ in found)
    return Series("identify", _TEMPLATES, ours_s), Series(
        "bare product", _TEMPLATES, product_s, linear=None
    )


def _loading(folder: Path) -> Series:
    manifest = load_manifest()
    digest = manifest.files[manifest.pack("open").embedder.file].sha256
    medians = []
    for n in _TEMPLATES:
        place = folder / str(n)
        place.mkdir()
        (place / "pictures").mkdir()  # the settings' camera
        config = terminal(place, place)
        fill(config, n)
        medians.append(float(np.median([_load(config, digest, n) for _ in range(_LOADED)])))
    return Series("load", _TEMPLATES, tuple(medians))


def _load(config: Path, digest: str, templates: int) -> float:
    settings = load(config)
    quiet = StringIO()
    begun = time.process_time()
    with redirect_stdout(quiet), redirect_stderr(quiet), open_stores(settings) as stores:
        served = ServedPeople(stores, digest)
        served.refresh()
        taken = time.process_time() - begun
    if len(served.matcher) != templates:
        raise RuntimeError(f"{len(served.matcher)} of {templates} templates were loaded")
    return taken


def _ledger(
    folder: Path, sizes: tuple[int, ...], repetitions: int, say: Callable[[str], None]
) -> Iterator[Series]:
    every = []
    for size, taken in zip(sizes, measured(folder, sizes, repetitions), strict=True):
        every.append(taken)
        say(f"ledger of {size:,}")
    yield Series("append", sizes, tuple(t.append for t in every), linear=0)
    yield Series("commit", sizes, tuple(t.commit for t in every), linear=0)
    yield Series("open the ledger", sizes, tuple(t.opening for t in every))
    yield Series("verify", sizes, tuple(t.verify for t in every))
    yield Series("drain", sizes, tuple(t.drain for t in every))
