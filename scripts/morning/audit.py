"""What a morning of many must have left: compared with the script, at the terminal and at HQ.

Every check that fails gives one line; none that passes is silent in the summary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from kiosk.settings import load
from kiosk.stores import open_stores
from morning.director import Director
from morning.roster import Employee
from store.records import Envelope, Record

# What the script says of a record, after its kind.
_WORDS: dict[str, tuple[str, ...]] = {
    "punch": ("direction", "method"),
    "repeat": ("method",),
    "declared_punch": (),
    "dispute": ("claim",),
    "correction": ("action",),
    "answer": ("outcome",),
}
# A badge is answered in the next frames for everybody; the pipe holds two or three.
_SAME_CLASS_FRAMES = 10
_AT_HQ: dict[str, list[str]] = {
    "forgot": ["answer approved", "correction added"],
    "forgot, refused": ["answer refused"],
    "disputes, upheld": ["answer approved", "correction changed"],
    "disputes, refused": ["answer refused"],
}


@dataclass(frozen=True, slots=True)
class Kept:
    """What the terminal has: its records, and what the gallery has of people by number."""

    records: list[Record]
    contents: list[Envelope]
    templates: dict[str, int]
    consents: dict[str, str | None]


def kept(d: Director) -> Kept:
    """Read ledger and gallery; the terminal has ended."""
    with open_stores(load(d.stage.config)) as stores:
        records: list[Record] = []
        while page := stores.ledger.records(len(records), 1000):
            records += page
        people = [person.number for person in stores.gallery.people()]
        known = {number: stores.gallery.person(number) for number in people}
        return Kept(
            records,
            [record.content() for record in records],
            {number: person.templates for number, person in known.items() if person},
            {number: stores.gallery.consent_version(number) for number in people},
        )


def words_of(one: Envelope) -> str | None:
    """A record of what people did or were answered in the words of the script; None for others."""
    keys = _WORDS.get(one.kind)
    return None if keys is None else " ".join([one.kind, *(str(one.body[key]) for key in keys)])


def failures(d: Director, people: list[Employee], left: Kept) -> list[str]:
    """What is not as the script has it, in words; empty when all is well."""
    wrong = script_failures(d.script, people, left.contents)
    wrong += gallery_failures(people, left)
    wrong += _delivery(d, left)
    wrong += _counted(d, people)
    failed = sum(one.kind == "face_failed" for one in left.contents)
    if failed != (wanted_failed := sum(who.deed == "not recognised" for who in people)):
        wrong.append(f"{failed} records of faces that failed, not {wanted_failed}")
    badge, without = d.waited["badge"], d.waited["no consent"]
    if median(without) > median(badge) + _SAME_CLASS_FRAMES:
        wrong.append("who declined waits longer than others with a badge")
    return wrong


def script_failures(
    script: Sequence[tuple[str, str]], people: Sequence[Employee], contents: Sequence[Envelope]
) -> list[str]:
    """Where the ledger has not exactly the script, in its order, and headquarters' answers."""
    done = [
        (str(one.body["person"]), words, one)
        for one in contents
        if (words := words_of(one)) is not None
    ]
    here = [(number, words) for number, words, one in done if not _by_hq(one)]
    wrong = []
    if here != list(script):
        wrong.append(f"the ledger is not the script: {_difference(here, script)}")
    for who in people:
        wanted = _AT_HQ.get(who.deed, [])
        got = sorted(words for n, words, one in done if n == who.number and _by_hq(one))
        if got != wanted:
            wrong.append(f"{who.number}: headquarters' {got} were written, not {wanted}")
    return wrong


def summary(d: Director, people: list[Employee], left: Kept) -> list[str]:
    """The morning in lines for a person."""
    kinds = Counter(one.kind for one in left.contents)
    methods = Counter(one.body["method"] for one in left.contents if one.kind == "punch")
    deeds = Counter(who.deed for who in people)
    waits = ", ".join(
        f"{kind} {median(frames):.0f} (at most {max(frames)})"
        for kind, frames in sorted(d.waited.items())
    )
    return [
        f"{len(people)} people: " + ", ".join(f"{n} {deed}" for deed, n in deeds.most_common()),
        "punches: " + ", ".join(f"{n} by {method}" for method, n in methods.most_common()),
        "told: " + ", ".join(f"{n} {signal}" for signal, n in d.told.most_common()),
        "ledger: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common()),
        f"frames from deed to answer, the median: {waits}",
    ]


def _by_hq(one: Envelope) -> bool:
    return one.kind == "answer" or (
        one.kind == "correction" and one.body["by"] != one.body["person"]
    )


def _difference(got: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> str:
    many, lost = Counter(got) - Counter(wanted), Counter(wanted) - Counter(got)
    if not many and not lost:
        return "another order"
    return f"too many {dict(many)}, missing {dict(lost)}"


def gallery_failures(people: Sequence[Employee], left: Kept) -> list[str]:
    """Who has a template or a consent and must not, or the other way round."""
    wrong = []
    about = {(one.kind, one.body.get("person")) for one in left.contents}
    for who in people:
        has_face = who.deed in ("face", "agrees", "refuses")
        if (left.templates[who.number] > 0) != has_face:
            wrong.append(f"{who.number} ({who.deed}) has {left.templates[who.number]} templates")
        consents = left.consents[who.number] is not None
        if consents != has_face:
            wrong.append(f"{who.number} ({who.deed}): consent in force is {consents}")
        ever = {kind for kind in ("enrolment", "consent") if (kind, who.number) in about}
        if ever and not (has_face or who.deed == "withdraws"):
            wrong.append(f"{who.number} ({who.deed}) has records of {ever}")
        if who.deed == "withdraws" and ("withdrawal", who.number) not in about:
            wrong.append(f"{who.number} withdrew, and no record says so")
    return wrong


def _delivery(d: Director, left: Kept) -> list[str]:
    wanted = [(r.seq, r.id, r.kind, r.hash.hex()) for r in left.records]
    d.at_hq(lambda: len(d.events) >= len(wanted), f"the last of {len(wanted)} records")
    got = [(e["seq"], e["id"], e["kind"], e["hash"]) for e in d.stage.ask("hq", "events")]
    wrong = [] if got == wanted else ["headquarters' records are not the terminal's"]
    if alarms := d.stage.ask("hq", "alarms"):
        wrong.append(f"headquarters has {len(alarms)} alarms")
    verified = d.stage.ask("kiosk", "ledger", "verify")["records"]
    if verified != len(wanted):
        wrong.append(f"{verified} records of {len(wanted)} are verified")
    return wrong


def _counted(d: Director, people: list[Employee]) -> list[str]:
    """What counts at headquarters, which is what is paid."""
    lines = {line["id"]: line for line in d.stage.ask("hq", "punches")}  # the later one holds
    got: dict[str, list[str]] = {}
    times: dict[str, datetime] = {}
    for line in lines.values():
        if line.get("counts", True):
            got.setdefault(line["person"], []).append(line["direction"])
            times[line["person"]] = datetime.fromisoformat(line["time"])
    wrong = []
    for who in people:
        if (counts := got.pop(who.number, [])) != (wanted := d.counts.get(who.number, [])):
            wrong.append(f"{who.number} ({who.deed}): {counts} count at HQ, not {wanted}")
        if who.number in d.decided and times.get(who.number) != d.decided[who.number]:
            wrong.append(f"{who.number}: HQ decided another time than the one that counts")
    if got:
        wrong.append(f"punches of nobody in the script count at HQ: {sorted(got)}")
    return wrong
