"""What is past its time goes, with evidence; what is not, or not surely, stays."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from store.database import open_database
from store.ledger import Head, Ledger
from store.records import Fault, Instant, Purge
from store.register import Register
from store.retention import SUBJECTS, Plan, Retention, RetentionSection
from store.schema import LEDGER
from tests.store.made import (
    LEDGER_KEY,
    MODEL,
    PUBLIC,
    SIGNER,
    START,
    TERMINAL,
    Shop,
    at,
    punch,
)
from tests.store.test_pruning import receive
from tests.store.test_register import enrol, told

DAY = 86_400.0
POLICIES = RetentionSection(punches_days=90, audit_days=30, consents_days=365).policies()


def day(number: float, *, synchronised: bool = True) -> Instant:
    return at(number * DAY, synchronised=synchronised)


@pytest.fixture
def register(shop: Shop) -> Register:
    return Register(shop.gallery_db, shop.ledger)


@pytest.fixture
def retention(shop: Shop, register: Register) -> Retention:
    return Retention(shop.gallery, register, shop.ledger, POLICIES)


def purges(shop: Shop) -> list[tuple[str, int, int]]:
    found = [body for body in told(shop) if isinstance(body, Purge)]
    assert all(body.ground == POLICIES[body.subject].ground for body in found)  # type: ignore[index]  # a word
    return [(body.subject, body.count, body.days) for body in found]


# Policies


def test_there_is_one_policy_for_each_subject_with_its_ground() -> None:
    assert tuple(POLICIES) == SUBJECTS
    assert all(policy.ground for policy in POLICIES.values())
    assert POLICIES["templates"].days == 0


def test_odd_policies_are_refused() -> None:
    for wrong in ({"punches_days": 0}, {"audit_days": -1}, {"templates_days": 3}):
        with pytest.raises(ValidationError):
            RetentionSection.model_validate(wrong)


# Records


def test_delivered_records_past_their_time_go_and_leave_evidence(
    shop: Shop, retention: Retention
) -> None:
    for n in range(10):
        shop.ledger.append(punch(), day(n * 20))
        shop.ledger.append(Fault(code="x"), day(n * 20))
    confirmed = receive(shop, 18)
    plan = retention.plan(confirmed, day(180))  # the cuts are at days 90 and 150
    assert plan == Plan(trusted=True, up_to=10, punches=5, audit=5)
    assert shop.ledger.head().seq == 20  # the dry run changed nothing
    assert retention.carry_out(confirmed, day(180)) == plan
    assert shop.ledger.records(0, 1)[0].seq == 11
    assert purges(shop) == [("punches", 5, 90), ("audit", 5, 30)]
    assert shop.ledger.verify(PUBLIC, known=confirmed).seq == 23
    assert retention.carry_out(confirmed, day(180)).empty


def test_what_headquarters_has_not_stays_however_old(shop: Shop, retention: Retention) -> None:
    for n in range(10):
        shop.ledger.append(punch(), day(n))
    assert retention.plan(None, day(9_000)).empty
    assert retention.plan(receive(shop, 4), day(9_000)).up_to == 4
    assert retention.plan(receive(shop, 10), day(9_000)).up_to == 9  # the newest one stays


def test_a_record_that_must_stay_holds_back_what_is_younger(shop: Shop) -> None:
    policies = RetentionSection(punches_days=10, audit_days=100).policies()
    retention = Retention(
        shop.gallery, Register(shop.gallery_db, shop.ledger), shop.ledger, policies
    )
    shop.ledger.append(punch(), day(0))
    shop.ledger.append(Fault(code="x"), day(1))
    for n in range(3):
        shop.ledger.append(punch(), day(2 + n))
    plan = retention.plan(receive(shop, 4), day(50))
    assert (plan.up_to, plan.punches, plan.audit, plan.held_back) == (1, 1, 0, 2)


def test_a_clock_that_is_not_synchronised_deletes_nothing(
    shop: Shop, register: Register, retention: Retention
) -> None:
    enrol(register, "1", 1)
    shop.gallery.set_keep_until("1", START + timedelta(days=1))
    shop.ledger.append(punch(), day(0))
    confirmed = receive(shop, 2)
    assert retention.carry_out(confirmed, day(9_000, synchronised=False)) == Plan(trusted=False)
    assert shop.templates.active(MODEL)[0] == ["1"]
    assert shop.ledger.pruned() == 0


def test_a_record_of_an_unsure_clock_is_as_young_as_the_next_sure_one(
    shop: Shop, retention: Retention
) -> None:
    shop.ledger.append(punch(), day(-20_000, synchronised=False))  # a clock that began in 1971
    shop.ledger.append(punch(), day(100))
    shop.ledger.append(punch(), day(-20_000, synchronised=False))
    shop.ledger.append(punch(), day(200))
    confirmed = receive(shop, 3)
    assert retention.plan(confirmed, day(150)).empty
    assert retention.plan(confirmed, day(195)).up_to == 2


@pytest.mark.parametrize("days", [-739_600, -739_000, 2_900_000])
def test_clocks_at_the_ends_of_time(shop: Shop, retention: Retention, days: int) -> None:
    shop.ledger.append(punch(), day(0))
    shop.ledger.append(punch(), day(0))
    now = day(0).model_copy(update={"utc": START + timedelta(days=days)})
    assert retention.plan(receive(shop, 1), now).up_to == (0 if days < 0 else 1)


# People and consents


def test_whose_date_has_come_leaves_at_once(
    shop: Shop, register: Register, retention: Retention
) -> None:
    enrol(register, "1", 1, 2)
    enrol(register, "2", 3)
    enrol(register, "3", 4)
    shop.gallery.set_keep_until("1", START + timedelta(days=10))
    shop.gallery.set_keep_until("2", START + timedelta(days=12))
    shop.gallery.set_keep_until("3", START + timedelta(days=10))
    shop.gallery.set_keep_until("3", None)
    assert retention.plan(None, day(9.9)).empty
    assert retention.plan(None, day(10)).leaving == ("1",)
    retention.carry_out(None, day(10))
    assert shop.templates.active(MODEL)[0] == ["2", "3"]
    assert purges(shop) == [("templates", 2, 0)]
    kinds = [record.kind for record in shop.ledger.records(0, 100)][-3:]
    assert kinds == ["person_status", "deletion", "purge"]
    assert retention.carry_out(None, day(11)).empty


def test_ended_consents_go_after_their_days_and_with_them_who_left(
    shop: Shop, register: Register, retention: Retention
) -> None:
    for number in "1234":
        enrol(register, number, int(number))
    register.leave("1", day(0))
    register.withdraw("2", day(0))
    register.leave("3", day(100))
    assert retention.plan(None, day(365)).empty
    plan = retention.carry_out(None, day(366))
    assert plan.people == ("1",)
    assert [person.number for person in shop.gallery.people()] == ["2", "3", "4"]
    assert shop.gallery.consents("2") == []
    assert len(shop.gallery.consents("3")) == 1
    assert len(shop.gallery.consents("4")) == 1
    assert purges(shop) == [("consents", 2, 365)]
    retention.carry_out(None, day(466))
    assert [person.number for person in shop.gallery.people()] == ["2", "4"]
    assert not shop.gallery.erasure_pending()


def test_somebody_who_came_back_is_not_deleted(
    shop: Shop, register: Register, retention: Retention
) -> None:
    enrol(register, "1", 1)
    register.leave("1", day(0))
    register.unblock("1", day(300))
    assert retention.carry_out(None, day(366)).people == ()
    assert shop.gallery.person("1") is not None


# Any history


@settings(max_examples=40)
@given(
    days=st.lists(
        st.tuples(st.integers(-400, 400), st.booleans(), st.booleans()), min_size=2, max_size=12
    ),
    now=st.integers(-500, 1200),
    confirmed_share=st.floats(0, 1),
)
def test_only_what_is_surely_past_its_time_and_delivered_goes(
    tmp_path_factory: pytest.TempPathFactory,
    days: list[tuple[int, bool, bool]],
    now: int,
    confirmed_share: float,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    database = open_database(folder / "ledger.db", LEDGER_KEY, create=True, schema=LEDGER)
    ledger = Ledger(database, TERMINAL, SIGNER)
    for when, is_punch, sure in days:
        ledger.append(punch() if is_punch else Fault(code="x"), day(when, synchronised=sure))
    before = ledger.records(0, 100)
    seq = round(len(days) * confirmed_share)
    confirmed = Head(seq, before[seq - 1].hash) if seq else None
    if confirmed:
        database.execute("INSERT INTO receipt VALUES (1, x'00', ?, ?)", (seq, confirmed.hash))
    retention = Retention(
        gallery=None,  # type: ignore[arg-type]  # only records are looked at
        register=None,  # type: ignore[arg-type]
        ledger=ledger,
        policies=POLICIES,
    )
    up_to, punches, audit, _ = retention._records_due(confirmed, day(now).utc)
    gone = days[:up_to]
    assert up_to <= max(0, min(seq, len(days) - 1))
    assert (punches, punches + audit) == (sum(p for _, p, _ in gone), up_to)
    sure_times = [when if sure else None for when, _, sure in days]
    for index, (_, is_punch, _) in enumerate(gone):
        youngest = next(t for t in sure_times[index:] if t is not None)
        assert youngest < now - (90 if is_punch else 30)
    if up_to and confirmed:
        ledger.prune(up_to, confirmed, day(now))
        assert ledger.verify(PUBLIC, known=confirmed).seq == len(days) + 1
        assert [r.seq for r in ledger.records(0, 100)] == list(range(up_to + 1, len(days) + 2))
    database.close()


def test_evidence_is_plain_to_read(shop: Shop, retention: Retention) -> None:
    for n in range(3):
        shop.ledger.append(punch(), day(n))
    retention.carry_out(receive(shop, 2), day(500))
    purge = json.loads(shop.ledger.records(3, 1)[0].payload)["body"]
    assert purge == {
        "v": 1,
        "subject": "punches",
        "count": 2,
        "days": 90,
        "ground": POLICIES["punches"].ground,
    }
