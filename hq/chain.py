"""How arriving records join a terminal's chain. Pure: no database, no clock.

Rules:
- Records may come in any order and more than once; the outcome is the same.
- The head moves from record to record, each naming the hash of the one before it, and never back.
- A record beyond a gap waits (`early`), but not further than EARLY_LIMIT beyond the head.
- The same number with another hash, or a next record that does not name the head's hash, is a fork.
  Of a delivery with a fork in it nothing beyond the head is kept: it belongs to the other history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sync.contract.verify import CheckedEvent, Head

EARLY_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Link:
    """A stored record beyond the head: the hash that it names and its own (32 bytes each)."""

    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a delivery comes to.

    `fresh` are to be stored; those up to `head` count, the others wait. `discarded` are numbers of
    early records in the store that turned out to belong to another history. `fork` is the number
    and the refused hash of the lowest fork. `gap` says that something beyond a gap is known of.
    """

    head: Head
    fresh: tuple[CheckedEvent, ...]
    discarded: tuple[int, ...]
    fork: tuple[int, bytes] | None
    gap: bool


def join(
    head: Head,
    arrived: Iterable[CheckedEvent],
    stored: Mapping[int, bytes],
    early: Mapping[int, Link],
) -> Outcome:
    """Join `arrived` to the chain that ends at `head`.

    `stored` has the hashes of the arrived numbers that are in the store, `early` every stored
    record beyond the head.
    """
    fork: tuple[int, bytes] | None = None
    fresh: dict[int, CheckedEvent] = {}
    too_far = False
    for event in sorted(arrived, key=lambda item: item.seq):
        known = stored.get(event.seq)
        if known is None and event.seq in fresh:
            known = fresh[event.seq].hash
        if known is not None:
            if known != event.hash and fork is None:
                fork = (event.seq, event.hash)
        elif event.seq > head.seq + EARLY_LIMIT:
            too_far = True
        elif event.seq > head.seq:
            fresh[event.seq] = event
    links = dict(early)
    links.update({seq: Link(event.previous, event.hash) for seq, event in fresh.items()})
    discarded: tuple[int, ...] = ()
    while (link := links.get(head.seq + 1)) is not None:
        if link.previous != head.hash:
            if fork is None or head.seq + 1 < fork[0]:
                fork = (head.seq + 1, link.hash)
            discarded = tuple(seq for seq in early if seq == head.seq + 1)
            break
        head = Head(head.seq + 1, link.hash)
    kept = tuple(event for seq, event in sorted(fresh.items()) if fork is None or seq <= head.seq)
    waiting = too_far or any(seq > head.seq for seq in early if seq not in discarded)
    return Outcome(
        head=head,
        fresh=kept,
        discarded=discarded,
        fork=fork,
        gap=waiting or any(event.seq > head.seq for event in kept),
    )
