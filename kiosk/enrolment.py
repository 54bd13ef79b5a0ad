"""Enrolment: from photos or good frames to templates, with everything that can go wrong named.

Rules
- Nothing is stored unless every check passes: the same person in all samples, nobody who is
  already enrolled under another number (blocked people too), and the trial (`kiosk.trial`).
- No template without a recorded consent, to the text in the person's language.
- Of all samples, and of the enrolled templates already there, those that cover the person best stay
  (`recognizer.coverage`), at most 8; the others go. Who adds photos never has to make room.
- Whose face has changed so much that the old templates do not match is renewed where a document or
  a badge says who it is: all old templates go, and the record says `renewal`.
- Somebody who has the role enroller enrols; as long as nobody has it, whoever may run the command.
- Embeddings are compared and stored in the protected form only (`kiosk.protection`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kiosk.errors import EnrolmentRefusedError
from kiosk.notices import Notice
from kiosk.stores import Stores
from kiosk.trial import leave_one_out
from recognizer.coverage import MAX_TEMPLATES, Sample, choose
from recognizer.decision import DecisionPolicy
from recognizer.matcher import Matcher
from store.gallery import Gallery
from store.records import Instant, person_number
from store.register import Agreement, Assurance

IdentityCheck = Literal["document", "badge", "known"]


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who is enrolled, how their consent was given, by whom, and how it is known who they are.

    `by` is the enroller's number; `identity` None where nothing is known of a check.
    """

    number: str
    name: str
    language: str
    consent: str
    witness: str | None
    by: str | None = None
    identity: IdentityCheck | None = None

    @property
    def renewable(self) -> bool:
        """Whether a face that does not match the old templates may take their place."""
        return self.identity in ("document", "badge")


@dataclass(frozen=True, slots=True)
class Limits:
    """How sure to be: the cosine of one person's faces (1:1), and the policy of the door (1:N)."""

    one_person: float
    policy: DecisionPolicy


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What storing would do: the `new` templates, and the ids of those that they replace.

    `old` are the templates that stay, `matcher` has everybody's, blocked people's too, with this
    person's as they will be.
    """

    new: tuple[Sample, ...]
    old: tuple[Sample, ...]
    replaced: tuple[int, ...]
    renewal: bool
    matcher: Matcher


@dataclass(frozen=True, slots=True)
class Enrolled:
    """How many templates are the person's, and the trial's score; None where none was made."""

    templates: int
    trial: float | None


def enroller(gallery: Gallery, by: str | None) -> str | None:
    """The number of the enroller; None while nobody has the role, as on a fresh terminal.

    Raises `EnrolmentRefusedError` for somebody without the role, or nobody where somebody has it.
    """
    having = {p.number for p in gallery.people() if "enroller" in p.roles and p.status == "active"}
    if by is None and having:
        raise EnrolmentRefusedError(
            "no_enroller", "say who enrols (--by NUMBER); it must be somebody in the role enroller"
        )
    if by is not None and person_number(by) not in having:
        raise EnrolmentRefusedError(
            "not_an_enroller",
            "whoever enrols (--by) must have the role enroller"
            + ("" if having else "; nobody has it yet, so leave --by out"),
        )
    return None if by is None else person_number(by)


def enrol(
    stores: Stores,
    model: str,
    applicant: Applicant,
    samples: Sequence[Sample],
    limits: Limits,
    now: Instant,
) -> Enrolled:
    """Store templates of a consenting person from photos and write the records.

    `model` is the embedder's digest. Somebody already enrolled under this number keeps what covers
    them best of old and new, when the face is theirs; adaptive templates give way to the enrolment.
    Raises `EnrolmentRefusedError`, or `InvalidValueError` for an odd number, name or text, and
    leaves everything as it was.
    """
    applicant = replace(applicant, number=person_number(applicant.number))
    samples = [replace(s, embedding=stores.protection.apply(s.embedding)) for s in samples]
    vectors = np.stack([sample.embedding for sample in samples])
    if float((vectors @ vectors.T).min()) < limits.one_person:
        raise EnrolmentRefusedError(
            "different_people", "the photos do not show one and the same person; sort them"
        )
    plan = plan_for(stores, model, applicant, samples, limits)
    trial = leave_one_out(applicant.number, samples, plan.old, plan.matcher, limits.policy)
    notice = stores.notices.of(applicant.language)
    keep(stores, model, applicant, notice, plan, now, live=False, trial=trial)
    return Enrolled(len(plan.new) + len(plan.old), trial)


def plan_for(
    stores: Stores, model: str, applicant: Applicant, samples: Sequence[Sample], limits: Limits
) -> Plan:
    """What to keep of samples, in the protected form, that show one person; stores nothing.

    Raises `EnrolmentRefusedError` for a face that is enrolled under another number, one that is not
    the number's own and may not renew it, or when there is nothing new.
    """
    number, vectors = applicant.number, np.stack([sample.embedding for sample in samples])
    matcher = Matcher(*stores.templates.active(model, blocked=True))
    _check_others(matcher, number, vectors, limits.policy.threshold)
    entries = [e for e in stores.templates.entries(number) if e.model == model]
    own = stores.templates.vectors([entry.id for entry in entries])
    # As when the door verifies: the mean of the best cosines; one sample is of a turned head.
    renewal = bool(len(own)) and float((own @ vectors.T).max(axis=0).mean()) < limits.one_person
    if renewal and not applicant.renewable:
        raise EnrolmentRefusedError(
            "different_people",
            f"number {number} is enrolled with another face; if the person changed, renew with "
            "--identity document or badge, or `kiosk people remove` the number first",
        )
    came = stores.sharing.standing(number).came  # from another terminal: all go
    old = [
        (entry.id, Sample(vector, entry.quality_millionths / 1e6))
        for entry, vector in zip(entries, own, strict=True)
        if entry.origin == "enrolled" and not (renewal or came)
    ]
    picked = choose([*samples, *(sample for _, sample in old)], MAX_TEMPLATES)
    new = tuple(samples[i] for i in picked if i < len(samples))
    if not new:
        raise EnrolmentRefusedError(
            "nothing_new", "the photos show nothing that the templates do not cover already"
        )
    kept = [old[i - len(samples)] for i in picked if i >= len(samples)]
    staying = tuple(sample for _, sample in kept)
    after = [sample.embedding for sample in (*new, *staying)]
    return Plan(
        new,
        staying,
        tuple(e.id for e in entries if e.id not in {i for i, _ in kept}),
        renewal,
        matcher.replacing({number}, [number] * len(after), np.stack(after)),
    )


def keep(
    stores: Stores,
    model: str,
    applicant: Applicant,
    notice: Notice,
    plan: Plan,
    now: Instant,
    *,
    live: bool,
    trial: float | None,
) -> None:
    """Store what was planned and write the records: all or nothing. Raises what the store raises.

    `notice` is what was agreed to, `live` says whether PAD was on, `trial` is the trial's score.
    """
    stores.register.enrol(
        applicant.number,
        applicant.name,
        applicant.language,
        Agreement(notice.version, notice.digest, applicant.consent, applicant.witness),
        model,
        [(sample.embedding, round(sample.quality * 1e6), now) for sample in plan.new],
        now,
        replaced=plan.replaced,
        protection=stores.protection.id,
        assurance=Assurance(
            by=applicant.by,
            identity_check=applicant.identity,
            live=live,
            trial_millionths=None if trial is None else round(trial * 1e6),
            renewal=plan.renewal,
        ),
    )


def _check_others(
    matcher: Matcher, number: str, vectors: NDArray[np.float32], threshold: float
) -> None:
    """Refuse a face that is enrolled under another number."""
    for vector in vectors:
        match = matcher.identify(vector)
        if match.person not in (None, number) and match.score >= threshold:
            raise EnrolmentRefusedError(
                "already_enrolled",
                f"this face is already enrolled under number {match.person}; "
                f"if that was a mistake, `kiosk people remove {match.person}` first",
            )
