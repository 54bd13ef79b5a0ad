"""What a punch says about its person's templates: whether they age, and whether to add one.

Runs after the punch is committed and answered. A failure of the gallery here loses one score or one
template and nothing else; it is logged and the door goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kiosk.log import complain, say
from kiosk.protection import Protection
from kiosk.stores import Stores, putting_off
from recognizer.adaptation import frame_to_keep
from recognizer.ageing import Week, renewal_due
from recognizer.coverage import MAX_TEMPLATES
from recognizer.decision import Decision
from recognizer.evidence import Evidence
from store.people import TemplateEntry
from store.records import Instant

_APART = timedelta(days=7)  # between two adaptive templates of a person


class Upkeep:
    """Ageing, always; adaptive templates only with `adapt`."""

    def __init__(self, stores: Stores, model_digest: str, *, adapt: bool) -> None:
        self._stores, self._model, self._adapt = stores, model_digest, adapt

    def after_punch(
        self,
        decision: Decision,
        evidence: Sequence[Evidence],
        threshold: float,
        protection: Protection,
        now: Instant,
    ) -> None:
        """Count an accepted presentation. `evidence` is in the form of `protection`."""
        if decision.person is None:
            return
        with putting_off("upkeep_put_off"):
            self._age(decision.person, decision.score, now)
            if self._adapt:
                self._take_up(decision.person, decision, evidence, threshold, protection, now)

    def _age(self, number: str, score: float, now: Instant) -> None:
        weeks = self._stores.genuine.add(number, round(score * 1e6), now)
        if renewal_due([Week(w.count, w.total / 1e6, w.squares / 1e6) for w in weeks]) and (
            self._stores.register.ask_renewal(number, now)
        ):
            due = self._stores.genuine.renewals()
            complain("enrol_again", people=due, why="scores have fallen since the enrolment")

    def _take_up(
        self,
        number: str,
        decision: Decision,
        evidence: Sequence[Evidence],
        threshold: float,
        protection: Protection,
        now: Instant,
    ) -> None:
        entries = [e for e in self._stores.templates.entries(number) if e.model == self._model]
        enrolled = [entry.id for entry in entries if entry.origin == "enrolled"]
        adaptive = [entry for entry in entries if entry.origin == "adaptive"]
        if any(now.utc - _made(entry) < _APART for entry in adaptive):
            return
        over = len(entries) + 1 - MAX_TEMPLATES
        if over > len(adaptive):  # enrolled templates alone fill the place: none gives way
            return
        frame = frame_to_keep(
            decision,
            evidence,
            threshold,
            self._stores.templates.vectors(enrolled),
            self._stores.templates.vectors([entry.id for entry in adaptive]),
        )
        if frame is None or frame.embedding is None:
            return
        quality = round(frame.quality.score * 1e6)
        self._stores.register.adapt(
            number,
            self._model,
            (frame.embedding, quality, now),
            now,
            replaced=[entry.id for entry in adaptive[: max(over, 0)]],
            protection=protection.id,
        )
        say("adapted")


def _made(entry: TemplateEntry) -> datetime:
    return datetime.fromisoformat(entry.made_utc)
