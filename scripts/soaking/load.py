"""Threads that append to and read from a terminal's databases, each with connections of its own.

`python -m soaking.load CONFIG SECONDS append=2 read=2 linger=1 verify=1` says "ready" once all are
open, begins with the first line on stdin, and ends with one JSON object: how often each was done,
which errors it met, and how long each append took.

- `linger` keeps a read transaction open on both databases, `verify` walks the whole ledger; both
  only in every other slice of time, so that appends with and without them are had from one run.
- An error never ends a thread: it is counted by its class.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.clock import SystemClock
from kiosk.settings import Settings, load
from kiosk.stores import Stores, open_stores
from store.errors import StoreError
from store.records import Rejection

SLICE_S = 2.0
_SETTLED_S = 0.2  # of a slice's beginning: what the slice before began may still be going on
_LINGER_S = 1.0  # a read transaction; far longer than any reader of ours takes


@dataclass(slots=True)
class Tally:
    """What one thread did. Milliseconds of the appends in slices with and without long readers."""

    done: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    beside_readers_ms: list[float] = field(default_factory=list)
    quiet_ms: list[float] = field(default_factory=list)


def _reading(now: float) -> bool:
    """Whether this is a slice in which the long readers read; the same in all processes."""
    return int(now / SLICE_S) % 2 == 1


def _append(stores: Stores, clock: SystemClock, tally: Tally) -> None:
    begun = time.monotonic()
    stores.ledger.append(Rejection(reason="soak", frames=1), clock.now())
    taken_ms = (time.monotonic() - begun) * 1e3
    tally.done["appends"] += 1
    if begun % SLICE_S >= _SETTLED_S:
        (tally.beside_readers_ms if _reading(begun) else tally.quiet_ms).append(taken_ms)
    time.sleep(random.uniform(0.02, 0.12))


def _read(stores: Stores, _: SystemClock, tally: Tally) -> None:
    head = stores.ledger.head()
    stores.ledger.records(random.randint(0, head.seq), 500)
    stores.delivery.receipt()
    for person in stores.gallery.people():
        stores.templates.entries(person.number)
        stores.gallery.consents(person.number)
    tally.done["reads"] += 1
    time.sleep(random.uniform(0.005, 0.05))


def _linger(stores: Stores, _: SystemClock, tally: Tally) -> None:
    if not _reading(time.monotonic()):
        time.sleep(0.05)
        return

    def slowly(_row: object) -> None:
        time.sleep(_LINGER_S / 10)

    # The first row opens the read transaction; it lasts until the last one was made.
    stores.ledger_db.rows("SELECT seq FROM records ORDER BY seq LIMIT 5", (), slowly)
    stores.gallery_db.rows("SELECT number FROM people, consents LIMIT 5", (), slowly)
    tally.done["long reads"] += 2


def _verify(stores: Stores, _: SystemClock, tally: Tally) -> None:
    if not _reading(time.monotonic()):
        time.sleep(0.05)
        return
    stores.ledger.verify(stores.signer.public_key())
    tally.done["verifications"] += 1


WORKS: dict[str, Callable[[Stores, SystemClock, Tally], None]] = {
    "append": _append,
    "read": _read,
    "linger": _linger,
    "verify": _verify,
}


def main(words: list[str]) -> None:
    """Run the threads that the words name and print what came of it."""
    settings, seconds = load(Path(words[0])), float(words[1])
    counts = {what: int(count) for what, count in (word.split("=") for word in words[2:])}
    tallies: list[Tally] = []
    begin, opened = threading.Event(), threading.Semaphore(0)
    threads = []
    for what, count in counts.items():
        for _ in range(count):
            tallies.append(Tally())
            words_of = (WORKS[what], settings, seconds, tallies[-1], opened, begin)
            threads.append(threading.Thread(target=_work, args=words_of))
    for thread in threads:
        thread.start()
    for _ in threads:
        opened.acquire()
    print("ready", flush=True)
    sys.stdin.readline()
    begin.set()
    for thread in threads:
        thread.join()
    print(json.dumps(_together(tallies)))


def _work(
    work: Callable[[Stores, SystemClock, Tally], None],
    settings: Settings,
    seconds: float,
    tally: Tally,
    opened: threading.Semaphore,
    begin: threading.Event,
) -> None:
    clock = SystemClock(settings.terminal.zone)
    released = False
    try:
        with open_stores(settings) as stores:
            opened.release()
            released = True
            begin.wait()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                try:
                    work(stores, clock, tally)
                except StoreError as error:
                    tally.errors[type(error).__name__] += 1
    except StoreError as error:
        tally.errors[f"opening: {type(error).__name__}"] += 1
    finally:
        if not released:
            opened.release()


def _together(tallies: list[Tally]) -> dict[str, object]:
    done: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for tally in tallies:
        done += tally.done
        errors += tally.errors
    return {
        "done": done,
        "errors": errors,
        "beside_readers_ms": [ms for tally in tallies for ms in tally.beside_readers_ms],
        "quiet_ms": [ms for tally in tallies for ms in tally.quiet_ms],
    }


if __name__ == "__main__":
    main(sys.argv[1:])
