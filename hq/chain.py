"""How arriving records join a terminal's chain. Pure: no database, no clock.

Rules:
- Records may come in any order and more than once; the outcome is the same.
- The head moves from record to record, each naming the hash of the one before it, and never back.
- A record beyond a gap waits (`early`), but not further than EARLY_LIMIT beyond the head.
- The same number with another hash, a next record that does not name the head's hash, or a
  resumption behind a record that is known with another hash, is a fork.
  Of a delivery with a fork in it nothing beyond the head is kept: it belongs to the other history.
- A `resumption` moves the head past numbers that the terminal lost or never used, once the head has
  reached what the terminal held before it. A `checkpoint` beyond the head says that the records up
  to it were pruned, which only headquarters' own receipt allows: headquarters has lost them, and
  the head goes on behind it. Both are `skipped`, and worth an alarm.
- A record below the head that is not in the store was skipped and comes after all: it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from store.records import Checkpoint, Resumption
from sync.contract.verify import CheckedEvent, Head, skips

EARLY_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Link:
    """A stored record beyond the head: the hash that it names and its own (32 bytes each)."""

    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """Numbers that will not come, and why: a resumption's reason, or `pruned`."""

    first: int
    last: int
    why: str


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
    skipped: tuple[Skipped, ...]


def join(
    head: Head,
    arrived: Iterable[CheckedEvent],
    stored: Mapping[int, bytes],
    early: Mapping[int, Link],
) -> Outcome:
    """Join `arrived` to the chain that ends at `head`.

    `stored` has the hashes of the arrived numbers that are in the store, and of those that arrived
    resumptions follow; `early` every stored record beyond the head.
    """
    events = list(arrived)
    outcome = _follow(head, events, stored, early)
    jump = _jump(outcome.head, events, stored)
    if jump is None:
        return _refuse_resumptions(outcome, events, stored, early)
    beyond = join(jump.head, events, stored, early)
    fresh = {event.seq: event for event in (*outcome.fresh, *jump.fresh, *beyond.fresh)}
    return replace(
        beyond,
        fresh=tuple(event for _, event in sorted(fresh.items())),
        discarded=tuple(sorted({*outcome.discarded, *beyond.discarded})),
        skipped=(jump.skipped, *beyond.skipped),
    )


@dataclass(frozen=True, slots=True)
class _Jump:
    """The head moves on past numbers that will not come."""

    head: Head
    fresh: tuple[CheckedEvent, ...]
    skipped: Skipped


def _refuse_resumptions(
    outcome: Outcome,
    events: Iterable[CheckedEvent],
    stored: Mapping[int, bytes],
    early: Mapping[int, Link],
) -> Outcome:
    """The outcome with a fork, if there is none, where a resumption follows another history."""
    head = outcome.head
    refused = [
        (event.seq, event.hash)
        for event in events
        if isinstance(said := skips(event), Resumption)
        and said.held_seq <= head.seq < event.seq
        and not _follows(head, said, stored)
    ]
    if outcome.fork is not None or not refused:
        return outcome
    return replace(
        outcome,
        fresh=tuple(event for event in outcome.fresh if event.seq <= head.seq),
        fork=min(refused),
        gap=any(seq > head.seq for seq in early if seq not in outcome.discarded),
    )


def _follows(head: Head, said: Resumption, stored: Mapping[int, bytes]) -> bool:
    """Whether the record that a resumption follows is ours, as far as we know it."""
    known = head.hash if said.after_seq == head.seq else stored.get(said.after_seq)
    return known is None or known.hex() == said.after_hash


def _jump(head: Head, events: Iterable[CheckedEvent], stored: Mapping[int, bytes]) -> _Jump | None:
    jumps = []
    for event in events:
        if stored.get(event.seq, event.hash) != event.hash:
            continue  # a fork of one that is here already
        fresh = () if event.seq in stored else (event,)  # it may have waited for what it held
        match skips(event):
            case Resumption() as said if said.held_seq <= head.seq < event.seq:
                if _follows(head, said, stored):
                    skipped = Skipped(head.seq + 1, event.seq - 1, said.reason)
                    jumps.append(_Jump(Head(event.seq, event.hash), fresh, skipped))
            case Checkpoint() as said if said.seq > head.seq:
                begin = Head(said.seq, bytes.fromhex(said.hash))
                jumps.append(_Jump(begin, (), Skipped(head.seq + 1, said.seq, "pruned")))
            case _:
                pass
    return min(jumps, key=lambda jump: jump.head.seq, default=None)


def _follow(
    head: Head,
    arrived: Iterable[CheckedEvent],
    stored: Mapping[int, bytes],
    early: Mapping[int, Link],
) -> Outcome:
    fork: tuple[int, bytes] | None = None
    fresh: dict[int, CheckedEvent] = {}
    late: dict[int, CheckedEvent] = {}
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
        else:
            late.setdefault(event.seq, event)
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
    kept = [event for seq, event in sorted(fresh.items()) if fork is None or seq <= head.seq]
    waiting = too_far or any(seq > head.seq for seq in early if seq not in discarded)
    return Outcome(
        head=head,
        fresh=(*late.values(), *kept),
        discarded=discarded,
        fork=fork,
        gap=waiting or any(event.seq > head.seq for event in kept),
        skipped=(),
    )
