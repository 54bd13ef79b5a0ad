"""Gallery and ledger together: every change is told exactly once, whatever fails in between."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from store.database import open_database
from store.errors import (
    ConstraintError,
    DiskFullError,
    InvalidValueError,
    UnknownPersonError,
)
from store.ledger import Ledger
from store.records import (
    BODIES,
    Body,
    Consent,
    Deletion,
    Enrolment,
    PersonRoles,
    PersonStatus,
    Withdrawal,
)
from store.register import Agreement, Register
from tests.store.made import (
    GALLERY_KEY,
    LEDGER_KEY,
    MODEL,
    PUBLIC,
    SIGNER,
    TERMINAL,
    PowerCut,
    Shop,
    at,
    cut_power_at,
    open_shop,
    vector,
)

AGREEMENT = Agreement("en-1", "ef" * 32, "signed form 17", "9")


@pytest.fixture
def register(shop: Shop) -> Register:
    return Register(shop.gallery_db, shop.ledger)


def enrol(register: Register, number: str, *seeds: int) -> None:
    rows = [(vector(seed), 900_000, at()) for seed in seeds]
    register.enrol(number, f"Name {number}", "en", AGREEMENT, MODEL, rows, at())


def told(shop: Shop) -> list[Body]:
    bodies = [record.content().known_body() for record in shop.ledger.records(0, 10_000)]
    return [body for body in bodies if body is not None]


def test_enrolment_tells_of_consent_and_templates(shop: Shop, register: Register) -> None:
    enrol(register, "1001", 1, 2)
    consent = Consent(
        person="1001",
        text_digest="ef" * 32,
        text_version="en-1",
        how="signed form 17",
        witness="9",
    )
    assert told(shop) == [consent, Enrolment(person="1001", templates=2, model=MODEL)]
    assert shop.templates.active(MODEL)[0] == ["1001", "1001"]


def test_enrolment_that_fails_leaves_nothing(shop: Shop, register: Register) -> None:
    bad = [(vector(1), 1, at()), (vector(2) * 2, 1, at())]
    with pytest.raises(InvalidValueError):
        register.enrol("1001", "n", "en", AGREEMENT, MODEL, bad, at())
    assert shop.gallery.people() == []
    assert told(shop) == []


def test_somebody_enrolled_before_gets_more_templates(shop: Shop, register: Register) -> None:
    enrol(register, "1001", 1)
    enrol(register, "1001", 2)
    assert shop.templates.active(MODEL)[0] == ["1001", "1001"]
    assert len(shop.gallery.consents("1001")) == 2


def test_withdrawal_tells_of_itself_and_of_the_deletion(shop: Shop, register: Register) -> None:
    enrol(register, "1001", 1, 2)
    assert register.withdraw("1001", at(60)) == 2
    assert told(shop)[2:] == [
        Withdrawal(person="1001"),
        Deletion(person="1001", templates=2, reason="withdrawn"),
    ]
    assert shop.templates.active(MODEL)[0] == []
    assert register.withdraw("1001", at(61)) == 0
    assert len(told(shop)) == 4


def test_blocking_leaving_and_roles_are_told_once(shop: Shop, register: Register) -> None:
    enrol(register, "1001", 1)
    for _ in range(2):
        register.block("1001", at())
    register.unblock("1001", at())
    for _ in range(2):
        register.set_roles("1001", ["enroller", "auditor"], at())
    for _ in range(2):
        register.leave("1001", at())
    assert told(shop)[2:] == [
        PersonStatus(person="1001", status="blocked"),
        PersonStatus(person="1001", status="active"),
        PersonRoles(person="1001", roles=("auditor", "enroller")),
        PersonStatus(person="1001", status="left"),
        Deletion(person="1001", templates=1, reason="left"),
    ]


def test_who_left_is_back_only_with_a_new_consent(shop: Shop, register: Register) -> None:
    enrol(register, "1001", 1)
    register.leave("1001", at())
    with pytest.raises(ConstraintError):
        enrol(register, "1001", 2)
    register.unblock("1001", at())
    assert shop.templates.active(MODEL)[0] == []
    enrol(register, "1001", 2)
    assert shop.templates.active(MODEL)[0] == ["1001"]


def test_removal_is_told_by_number(shop: Shop, register: Register) -> None:
    enrol(register, "1001", 1)
    assert register.remove("1001", at()) == 1
    assert told(shop)[-1] == Deletion(person="1001", templates=1, reason="removed")
    assert shop.gallery.people() == []


def test_records_say_nothing_of_name_or_face(shop: Shop, register: Register) -> None:
    enrol(register, "1001", 1)
    register.remove("1001", at())
    payloads = b"".join(record.payload for record in shop.ledger.records(0, 100))
    assert b"Name 1001" not in payloads
    assert vector(1).tobytes().hex()[:16].encode() not in payloads


def test_an_unknown_person_is_told_of_nowhere(shop: Shop, register: Register) -> None:
    changes: list[Callable[[], object]] = [
        lambda: register.withdraw("7", at()),
        lambda: register.block("7", at()),
        lambda: register.leave("7", at()),
        lambda: register.remove("7", at()),
        lambda: register.set_roles("7", ["auditor"], at()),
    ]
    for change in changes:
        with pytest.raises(UnknownPersonError):
            change()
    assert told(shop) == []


def test_a_matcher_on_the_same_connection_notices(shop: Shop, register: Register) -> None:
    before = shop.gallery.version()
    enrol(register, "1001", 1)
    between = shop.gallery.version()
    register.withdraw("1001", at())
    assert len({before, between, shop.gallery.version()}) == 3


def test_deleting_goes_before_telling(shop: Shop, register: Register) -> None:
    """A ledger without room: the templates are gone all the same, and are told of later."""
    enrol(register, "1001", 1)
    shop.ledger_db.checkpoint()
    pages = shop.ledger_db.one("PRAGMA page_count", (), int) or 0
    with suppress(DiskFullError):
        shop.ledger_db.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(100):
            shop.ledger.append(PersonStatus(person="2", status="left"), at())
    with pytest.raises(DiskFullError):
        register.withdraw("1001", at(60))
    assert shop.templates.active(MODEL)[0] == []
    assert not shop.gallery.erasure_pending()
    shop.ledger_db.execute("PRAGMA max_page_count = 100000")
    assert register.settle() == 2
    assert register.settle() == 0
    assert told(shop)[-1] == Deletion(person="1001", templates=1, reason="withdrawn")
    assert shop.ledger.records(0, 1000)[-1].content().time == at(60)


def test_ledger_transactions_are_kept_outside(shop: Shop, register: Register) -> None:
    enrol(register, "1001", 1)
    with shop.ledger_db.transaction():
        with pytest.raises(RuntimeError):
            register.withdraw("1001", at())
        with pytest.raises(RuntimeError):
            register.settle()
    with shop.gallery_db.transaction(), pytest.raises(RuntimeError):
        register.settle()
    assert shop.templates.active(MODEL)[0] == ["1001"]


# What may have happened and been told after the enrolment of 1: nothing, the enrolment of 2, the
# withdrawal of 1, the removal of 2.
TOLD = ("consent", "enrolment", "withdrawal", "deletion", "deletion")
STORY = [
    (TOLD[:0], {"1": 1}),
    (TOLD[:2], {"1": 1, "2": 1}),
    (TOLD[:4], {"1": 0, "2": 1}),
    (TOLD, {"1": 0}),
]


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.soak)])
def test_a_crash_at_any_statement_leaves_each_change_told_exactly_once(
    tmp_path: Path, every: int
) -> None:
    """Enrolment, withdrawal and removal, cut at a statement, then started again."""
    statement, finished = 0, False
    while not finished:
        folder = tmp_path / str(statement)
        folder.mkdir()
        shop = open_shop(folder)
        register = Register(shop.gallery_db, shop.ledger)
        enrol(register, "1", 1)
        with pytest.MonkeyPatch.context() as patch:
            cut_power_at(patch, statement)
            try:
                enrol(register, "2", 2)
                register.withdraw("1", at())
                register.remove("2", at())
                finished = True
            except PowerCut:
                pass
        for database in (shop.ledger_db, shop.gallery_db):
            database._connection.close()
        again = open_shop(folder)
        Register(again.gallery_db, again.ledger).settle()
        kinds = tuple(body.kind for body in told(again))[2:]
        people = {person.number: person.templates for person in again.gallery.people()}
        assert (kinds, people) in STORY, statement
        if finished:
            assert (kinds, people) == STORY[-1]
        assert not again.gallery.erasure_pending()
        assert again.ledger.verify(PUBLIC).seq == len(told(again))
        again.close()
        statement += every
    assert statement > 60


def test_two_who_settle_at_once_tell_once(shop: Shop, register: Register) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Register, "settle", lambda self, **_: 0)
        for number in range(30):
            enrol(register, str(number), number + 1)
    ledger_db = open_database(shop.folder / "ledger.db", LEDGER_KEY, create=False)
    gallery_db = open_database(shop.folder / "gallery.db", GALLERY_KEY, create=False)
    other = Register(gallery_db, Ledger(ledger_db, TERMINAL, SIGNER))
    written = 0
    for one in random.Random(3).choices([register, other], k=4):
        written += one.settle()
    assert written == 60
    assert len(told(shop)) == 60
    assert shop.ledger_db.one("SELECT count(*) FROM settled", (), int) == 0
    ledger_db.close()
    gallery_db.close()


def test_every_kind_of_note_can_be_read_back() -> None:
    assert {"consent", "enrolment", "withdrawal", "deletion", "purge"} <= BODIES.keys()


def test_a_failing_disk_is_an_error_of_ours(shop: Shop, register: Register) -> None:
    pages = shop.gallery_db.one("PRAGMA page_count", (), int) or 0
    shop.gallery_db.execute(f"PRAGMA max_page_count = {pages}")

    def enrol_many() -> None:
        for n in range(200):
            enrol(register, str(n), n + 1)

    with pytest.raises(DiskFullError):
        enrol_many()
    assert shop.ledger.verify(PUBLIC).seq == 2 * len(shop.gallery.people())
