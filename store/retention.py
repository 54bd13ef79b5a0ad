"""How long what is kept, on what ground, and the daily job that deletes what is past its time.

| subject | is kept | counted from |
| --- | --- | --- |
| `templates` | 0 days, fixed | withdrawal, leaving, or the person's `keep_until` |
| `punches`, `audit` | the policy's days, and until headquarters has it | the record's own time |
| `consents` | the policy's days | the consent's end; with the last one goes who has left |
| `quarantine` | the policy's days | when the file was set aside (`store.quarantine`) |

- Templates go at once when a consent ends (`store.gallery`); the job sees to `keep_until`.
- Records go oldest first, since the chain is cut, not holed: a record that must be kept holds back
  the younger ones. `Plan.held_back` counts the punches that this concerns.
- A clock that is not synchronised deletes nothing by age, and a record whose own clock was not
  synchronised counts as being as young as the next one whose clock was.
- Every purge leaves a signed `purge` record with the number, the days and the ground.
- `plan` changes nothing: it is the dry run, and what `carry_out` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from store import quarantine
from store.gallery import Gallery
from store.ledger import Head, Ledger
from store.records import Instant, Purge, Record, utc_text
from store.register import Register

Subject = Literal["templates", "punches", "audit", "consents", "quarantine"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)
_PAGE = 1000
_CENTURY = 36_500


@dataclass(frozen=True, slots=True)
class Policy:
    """How many days something is kept, and the legal ground as text."""

    subject: Subject
    days: int
    ground: str


class RetentionSection(BaseModel):
    """`[retention]`: the days and the grounds; the operator's counsel decides on both.

    The days are minima by law in some places and maxima in others; the defaults are short.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    punches_days: int = Field(90, ge=1, le=_CENTURY)
    audit_days: int = Field(90, ge=1, le=_CENTURY)
    consents_days: int = Field(1095, ge=0, le=_CENTURY)
    quarantine_days: int = Field(14, ge=0, le=_CENTURY)
    templates_ground: str = Field(
        "Biometric data only while consent lasts (GDPR art. 5(1)(e), 9(2)(a))", max_length=500
    )
    punches_ground: str = Field(
        "Delivered to headquarters, which keeps the working-time record (GDPR art. 5(1)(c))",
        max_length=500,
    )
    audit_ground: str = Field(
        "Delivered to headquarters; kept here for faults (GDPR art. 5(1)(c))", max_length=500
    )
    consents_ground: str = Field(
        "Proof of consent until claims expire (GDPR art. 7(1), 17(3)(e))", max_length=500
    )

    quarantine_ground: str = Field(
        "Damaged files, kept to mend them and to find the cause (GDPR art. 5(1)(e), 32(1)(c))",
        max_length=500,
    )

    def policies(self) -> dict[Subject, Policy]:
        """The table of policies, by subject."""
        return {
            "templates": Policy("templates", 0, self.templates_ground),
            "punches": Policy("punches", self.punches_days, self.punches_ground),
            "audit": Policy("audit", self.audit_days, self.audit_ground),
            "consents": Policy("consents", self.consents_days, self.consents_ground),
            "quarantine": Policy("quarantine", self.quarantine_days, self.quarantine_ground),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What is past its time.

    `leaving`: numbers of people whose `keep_until` has come. `up_to`: the last record to prune, 0
    for none; `punches` and `audit` count the records up to it. `consents`: ids of ended consents,
    `people`: numbers of who has left and goes with the last of them. `held_back`: punches past
    their time that a record before them keeps. `set_aside`: folders of the quarantine. `trusted`:
    False when the clock is not synchronised.
    """

    trusted: bool
    leaving: tuple[str, ...] = ()
    up_to: int = 0
    punches: int = 0
    audit: int = 0
    held_back: int = 0
    consents: tuple[int, ...] = ()
    people: tuple[str, ...] = ()
    set_aside: tuple[Path, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is to be deleted."""
        return not (self.leaving or self.up_to or self.consents or self.people or self.set_aside)


class Retention:
    """The daily job of one terminal; all connections belong to this thread."""

    def __init__(
        self,
        gallery: Gallery,
        register: Register,
        ledger: Ledger,
        policies: dict[Subject, Policy],
    ) -> None:
        self._gallery = gallery
        self._register = register
        self._ledger = ledger
        self._policies = policies

    def plan(self, confirmed: Head | None, now: Instant) -> Plan:
        """What would be deleted now. `confirmed`: what HQ's verified receipt names, if any."""
        if not now.synchronised:
            return Plan(trusted=False)
        up_to, punches, audit, held_back = self._records_due(confirmed, now.utc)
        consents, people = self._gallery.ended_before(self._before("consents", now.utc))
        return Plan(
            trusted=True,
            leaving=tuple(self._gallery.overdue(now.utc)),
            up_to=up_to,
            punches=punches,
            audit=audit,
            held_back=held_back,
            consents=tuple(consents),
            people=tuple(people),
            set_aside=tuple(
                quarantine.expired(
                    self._register.directory,
                    now.utc,
                    timedelta(days=self._policies["quarantine"].days),
                )
            ),
        )

    def carry_out(self, confirmed: Head | None, now: Instant) -> Plan:
        """Delete what is past its time and leave the evidence; returns what was done.

        Finishes also what a crash, or a busy reader, left undone. Raises what gallery and ledger
        raise; what was done before stays done, the rest is done by the next call.
        """
        self._register.settle()
        self._ledger.finish_pruning()
        plan = self.plan(confirmed, now)
        for number in plan.leaving:
            evidence = partial(self._evidence, "templates")
            self._register.leave(number, now, reason="retention", evidence=evidence)
        if plan.consents or plan.people:
            purge = self._evidence("consents", len(plan.consents))
            self._register.purge_consents(plan.consents, plan.people, purge, now)
        if confirmed is not None and plan.up_to:
            counts: tuple[tuple[Subject, int], ...] = (
                ("punches", plan.punches),
                ("audit", plan.audit),
            )
            purges = [self._evidence(subject, count) for subject, count in counts if count]
            self._ledger.prune(plan.up_to, confirmed, now, purges)
        if plan.set_aside:
            self._ledger.append(self._evidence("quarantine", len(plan.set_aside)), now)
            quarantine.delete(plan.set_aside)
        return plan

    def _records_due(self, confirmed: Head | None, now: datetime) -> tuple[int, int, int, int]:
        """The last record to prune, the punches and others up to it, and the punches held back."""
        last = min(confirmed.seq, self._ledger.head().seq - 1) if confirmed else 0
        count = _Count(last, now, self._policies)
        seq = self._ledger.pruned()
        while seq < last and (page := self._ledger.records(seq, _PAGE)):
            for record in page:
                count.take(record)
            seq = page[-1].seq
            if count.beyond:
                break
        return count.up_to, count.punches, count.audit, count.held_back

    def _before(self, subject: Subject, now: datetime) -> str:
        return utc_text(_minus(now, self._policies[subject].days))

    def _evidence(self, subject: Subject, count: int) -> Purge:
        policy = self._policies[subject]
        return Purge(subject=subject, count=count, days=policy.days, ground=policy.ground)


class _Count:
    """Goes along the records, oldest first, and finds how far they are past their time."""

    def __init__(self, last: int, now: datetime, policies: dict[Subject, Policy]) -> None:
        self._last = last
        self._cut: dict[Subject, datetime] = {
            "punches": _minus(now, policies["punches"].days),
            "audit": _minus(now, policies["audit"].days),
        }
        self._waiting: list[Subject] = []  # since the last record with a sure time
        self._kept = False
        self.up_to = self.punches = self.audit = self.held_back = 0
        self.beyond = False  # no later record can be past its time

    def take(self, record: Record) -> None:
        if record.seq > self._last:
            self.beyond = True
            return
        self._waiting.append("punches" if record.kind == "punch" else "audit")
        time = record.content().time
        if not time.synchronised:
            return
        past = [time.utc < self._cut[subject] for subject in self._waiting]
        self._kept = self._kept or not all(past)
        punches = self._waiting.count("punches")
        if not self._kept:
            self.up_to = record.seq
            self.punches += punches
            self.audit += len(self._waiting) - punches
        else:
            pairs = zip(self._waiting, past, strict=True)
            self.held_back += sum(p for subject, p in pairs if subject == "punches")
        self.beyond = time.utc >= max(self._cut.values())
        self._waiting = []


def _minus(now: datetime, days: int) -> datetime:
    """So many days before, or the first instant that there is."""
    try:
        return now - timedelta(days=days)
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)
