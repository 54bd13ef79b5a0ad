"""Databases that are damaged, cut, old or gone: set aside, and the terminal goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from store import quarantine
from store.database import Database, open_database
from store.errors import (
    BrokenChainError,
    ReplacedDatabaseError,
    RolledBackError,
    StoreError,
    WrongKeyError,
)
from store.ledger import Head
from store.records import Record, Resumption
from store.recovery import (
    _GALLERY_TABLES,
    _LEDGER_TABLES,
    Recovered,
    check_sound,
    recover,
)
from store.register import Agreement, Register
from store.retention import Retention, RetentionSection
from store.schema import GALLERY, LEDGER
from tests.store.disturbing import run_harness
from tests.store.made import (
    DOORS,
    LEDGER_KEY,
    MODEL,
    PUBLIC,
    SIGNER,
    START,
    TERMINAL,
    PowerCut,
    Shop,
    at,
    door,
    open_shop,
    punch,
    vector,
)

AGREED = Agreement("1", "ef" * 32, "signed")
RECORDS, CONFIRMED = 300, 100


def start(folder: Path) -> list[Recovered]:
    """What `kiosk run` does before it opens anything."""
    return recover(folder, DOORS, TERMINAL, SIGNER, at(9))


def lived(folder: Path, records: int = RECORDS) -> list[Record]:
    """A terminal that has worked: people, records, a receipt for the first hundred."""
    shop = open_shop(folder)
    register = Register(shop.gallery_db, shop.ledger)
    for person in range(20):
        templates = [(vector(10 * person + n), 900_000, at()) for n in range(5)]
        register.enrol(str(person), f"Person {person}", "de", AGREED, MODEL, templates, at())
    while shop.ledger.head().seq < records:
        shop.ledger.append(punch(), at())
    known = shop.ledger.records(CONFIRMED - 1, 1)[0]
    shop.delivery.save_receipt(b"receipt", known.seq, known.hash)
    shop.delivery.seen_command(77)
    shop.delivery.post_reply(b"a reply")
    written = shop.ledger.records(0, 10_000)
    shop.close()
    return written


def flip(path: Path, *pages: int) -> None:
    content = bytearray(path.read_bytes())
    for page in pages:
        content[4096 * (page - 1) + 1000] ^= 1
    path.write_bytes(content)


def flip_in_the_middle(path: Path) -> None:
    flip(path, path.stat().st_size // 4096 // 2)


def flip_the_last_page(path: Path) -> None:
    flip(path, path.stat().st_size // 4096)


def flip_the_first_page(path: Path) -> None:
    flip(path, 1)


def cut_in_half(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 8192 * 4096)


def cut_to_nothing(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(0)


def cut_within_a_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 100)


def delete(path: Path) -> None:
    path.unlink()


DAMAGES = [
    flip_in_the_middle,
    flip_the_last_page,
    flip_the_first_page,
    cut_in_half,
    cut_to_nothing,
    cut_within_a_page,
    delete,
]


def unconfirmed(written: list[Record]) -> set[str]:
    return {record.id for record in written if record.seq > CONFIRMED}


def test_a_sound_terminal_is_left_alone(tmp_path: Path) -> None:
    assert start(tmp_path) == []  # a new one
    written = lived(tmp_path)
    assert start(tmp_path) == []
    shop = open_shop(tmp_path)
    assert shop.ledger.records(0, 10_000) == written
    assert not (tmp_path / quarantine.FOLDER).exists()
    shop.close()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_ledger_is_set_aside_and_the_terminal_takes_punches(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    written = lived(tmp_path)
    damage(tmp_path / "ledger.db")
    damaged = None if damage is delete else (tmp_path / "ledger.db").read_bytes()
    (done,) = start(tmp_path)
    assert done.name == "ledger"
    if damaged is not None:
        assert (done.folder / "ledger.db").read_bytes() == damaged
    shop = open_shop(tmp_path)
    new = shop.ledger.append(punch(), at(10))
    carried = shop.ledger.records(0, 10_000)
    assert {r.id for r in carried} - {new.id} <= unconfirmed(written) | {
        r.id for r in carried if r.kind == "fault"
    }
    faults = [r.content().body["code"] for r in carried if r.kind == "fault"]
    assert faults == [done.code]
    assert shop.ledger.provisional() == done.reason
    shop.close()
    assert start(tmp_path) == []  # it is sound now


def test_most_of_a_damaged_ledger_is_carried_over(tmp_path: Path) -> None:
    written = lived(tmp_path)
    flip_in_the_middle(tmp_path / "ledger.db")
    (done,) = start(tmp_path)
    assert done.rows >= len(unconfirmed(written)) - 10  # the records of one page or two
    shop = open_shop(tmp_path)
    assert shop.delivery.last_command_number() == 77
    assert [reply.document for reply in shop.delivery.replies(10)] == [b"a reply"]
    shop.close()


@pytest.mark.parametrize("confirmed", [CONFIRMED, 250, 300])
def test_it_resumes_behind_headquarters_without_using_a_number_twice(
    tmp_path: Path, confirmed: int
) -> None:
    written = lived(tmp_path)
    flip_in_the_middle(tmp_path / "ledger.db")
    start(tmp_path)
    shop = open_shop(tmp_path)
    mine = shop.ledger.append(punch("2002"), at(11))
    head = Head(confirmed, written[confirmed - 1].hash)
    resumption = shop.ledger.resume(head, b"later receipt", at(12))
    assert resumption.seq > RECORDS  # all numbers up to here were used
    assert resumption.previous == head.hash
    kept = shop.ledger.records(0, 10_000)
    assert [r.seq for r in kept] == list(range(resumption.seq, resumption.seq + len(kept)))
    assert mine.id in {r.id for r in kept}
    again = next(r for r in kept if r.id == mine.id)
    assert again.content().body == mine.content().body
    assert again.content().time == mine.content().time
    assert shop.ledger.provisional() is None
    assert shop.ledger.verify(PUBLIC, known=head).seq == kept[-1].seq
    shop.ledger.append(punch(), at(13))
    shop.ledger.verify(PUBLIC)
    shop.close()
    assert start(tmp_path) == []


def test_an_old_copy_of_the_ledger_is_noticed(tmp_path: Path) -> None:
    lived(tmp_path)
    shutil.copy(tmp_path / "ledger.db", tmp_path / "old")
    shop = open_shop(tmp_path)
    shop.ledger.append(punch(), at())
    shop.ledger.append(punch(), at())
    shop.close()
    (tmp_path / "old").replace(tmp_path / "ledger.db")
    database = open_database(tmp_path / "ledger.db", LEDGER_KEY, create=False)
    with pytest.raises(RolledBackError, match="older than what was written"):
        check_sound(database)
    database.close()
    (done,) = start(tmp_path)
    assert done.code == "ledger_rolled_back"


def test_a_lost_write_ahead_log_is_noticed(tmp_path: Path) -> None:
    lived(tmp_path)
    shop = open_shop(tmp_path)
    for _ in range(3):
        shop.ledger.append(punch(), at())
    living = tmp_path / "living"
    living.mkdir()
    for name in ("ledger.db", "ledger.mark", "gallery.db", "gallery.mark"):  # no ledger.db-wal
        shutil.copy(tmp_path / name, living)
    shop.close()
    assert [done.code for done in start(living)] == ["ledger_rolled_back"]


def test_a_crash_before_a_commit_is_no_rollback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark is written just before the commit; both states are good."""
    lived(tmp_path)
    shop = open_shop(tmp_path)
    real = Database._run

    def run(self: Database, sql: str, parameters: tuple[object, ...] = ()) -> object:
        if sql == "COMMIT":
            raise PowerCut
        return real(self, sql, parameters)  # type: ignore[arg-type]  # passed through

    with monkeypatch.context() as patch:
        patch.setattr(Database, "_run", run)
        with pytest.raises(PowerCut):
            shop.ledger.append(punch(), at())
    marked = shop.ledger_db.mark.read()
    assert marked is not None
    assert marked.before != marked.after
    shop.close()
    assert start(tmp_path) == []


def test_a_torn_or_missing_mark_claims_nothing(tmp_path: Path) -> None:
    lived(tmp_path)
    mark = tmp_path / "ledger.mark"
    mark.write_bytes(mark.read_bytes()[:40])
    assert start(tmp_path) == []
    mark.unlink()
    assert start(tmp_path) == []


def test_a_wrong_key_touches_nothing(tmp_path: Path) -> None:
    lived(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    wrong = {**DOORS, "ledger": door(bytes(32))}
    with pytest.raises(WrongKeyError):
        recover(tmp_path, wrong, TERMINAL, SIGNER, at())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_gallery_gives_what_can_be_read(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    lived(tmp_path)
    damage(tmp_path / "gallery.db")
    (done,) = start(tmp_path)
    assert done.name == "gallery"
    shop = open_shop(tmp_path)
    people = {person.number for person in shop.gallery.people()}
    assert people <= {str(n) for n in range(20)}
    if damage is flip_in_the_middle:
        assert len(people) >= 15
    register = Register(shop.gallery_db, shop.ledger)
    register.enrol("new", "New", "de", AGREED, MODEL, [(vector(1), 1, at())], at())
    assert shop.ledger.provisional() is None  # the ledger is well
    newest = shop.ledger.records(RECORDS, 100)
    assert [r.content().body["code"] for r in newest if r.kind == "fault"] == [done.code]
    assert shop.gallery_db.damage() == []
    shop.close()
    assert start(tmp_path) == []


def test_an_old_copy_of_the_gallery_brings_no_deleted_template_back(tmp_path: Path) -> None:
    lived(tmp_path)
    shutil.copy(tmp_path / "gallery.db", tmp_path / "old")
    shop = open_shop(tmp_path)
    Register(shop.gallery_db, shop.ledger).withdraw("7", at())
    shop.close()
    (tmp_path / "old").replace(tmp_path / "gallery.db")
    (done,) = start(tmp_path)
    assert (done.code, done.rows) == ("gallery_rolled_back", 0)
    shop = open_shop(tmp_path)
    assert shop.gallery.people() == []
    shop.close()


def test_both_may_be_lost_at_once(tmp_path: Path) -> None:
    lived(tmp_path)
    flip_the_first_page(tmp_path / "ledger.db")
    cut_in_half(tmp_path / "gallery.db")
    assert {done.name for done in start(tmp_path)} == {"ledger", "gallery"}
    assert start(tmp_path) == []


def test_a_file_that_is_replaced_while_it_is_open_is_noticed(shop: Shop) -> None:
    shop.ledger.append(punch(), at())
    path = shop.folder / "ledger.db"
    path.rename(shop.folder / "away")
    for act in (
        lambda: shop.ledger.append(punch(), at()),
        shop.ledger_db.version,
    ):
        with pytest.raises(ReplacedDatabaseError, match="start again"):
            act()
    (shop.folder / "away").rename(path)
    assert shop.ledger.append(punch(), at()).seq == 2


def test_a_restored_ledger_keeps_what_headquarters_had_confirmed(tmp_path: Path) -> None:
    written = lived(tmp_path)
    (tmp_path / "ledger.mark").unlink()  # another machine
    shop = open_shop(tmp_path)
    shop.ledger.await_receipt("restored")
    mine = shop.ledger.append(punch("2002"), at(11))
    head = Head(1000, b"\x09" * 32)  # headquarters went on
    resumption = shop.ledger.resume(head, b"receipt", at(12))
    kept = shop.ledger.records(0, 10_000)
    assert kept[:CONFIRMED] == written[:CONFIRMED]
    assert kept[CONFIRMED] == resumption
    assert resumption.seq > 1000
    assert {r.id for r in kept[CONFIRMED + 1 :]} == unconfirmed(written) | {mine.id}
    body = resumption.content().known_body()
    assert isinstance(body, Resumption)
    assert (body.held_seq, body.after_seq, body.reason) == (CONFIRMED, 1000, "restored")
    shop.ledger.verify(PUBLIC, known=head)
    shop.close()


def test_a_resumption_does_not_hide_missing_records(tmp_path: Path) -> None:
    lived(tmp_path)
    shop = open_shop(tmp_path)
    shop.ledger.await_receipt("restored")
    shop.ledger.resume(Head(1000, b"\x09" * 32), b"receipt", at(12))
    shop.ledger_db.execute("DROP TRIGGER records_stay")
    for gone in ("seq = 50", "seq = 100", "seq <= 100"):
        with pytest.raises(BrokenChainError):
            _verify_without(shop, gone)
    shop.close()


def _verify_without(shop: Shop, gone: str) -> None:
    with shop.ledger_db.transaction():  # undone by the error
        shop.ledger_db.execute(f"DELETE FROM records WHERE {gone}")  # noqa: S608
        shop.ledger.verify(PUBLIC)


def test_records_behind_a_receipt_are_never_deleted_while_provisional(shop: Shop) -> None:
    first = shop.ledger.append(punch(), at())
    shop.delivery.save_receipt(b"r", 1, first.hash)
    shop.ledger.append(punch(), at())
    with pytest.raises(StoreError):
        shop.ledger_db.execute("DELETE FROM records WHERE seq = 2")
    shop.ledger.await_receipt("restored")
    with pytest.raises(StoreError):
        shop.ledger_db.execute("DELETE FROM records WHERE seq = 1")


def both_set_aside(folder: Path) -> list[str]:
    lived(folder)
    flip_the_last_page(folder / "gallery.db")
    flip_the_last_page(folder / "ledger.db")
    start(folder)
    return names_set_aside(folder)


def names_set_aside(folder: Path) -> list[str]:
    return [kept.name for kept in sorted((folder / "quarantine").iterdir())]


@pytest.mark.parametrize("how", ["withdraw", "leave", "remove"])
def test_a_gallery_that_was_set_aside_goes_with_the_first_deletion(
    tmp_path: Path, how: str
) -> None:
    assert both_set_aside(tmp_path) == ["gallery-1", "ledger-2"]
    shop = open_shop(tmp_path)
    register = Register(shop.gallery_db, shop.ledger)
    register.block("3", at())
    assert names_set_aside(tmp_path) == ["gallery-1", "ledger-2"]
    getattr(register, how)("3", at())
    assert names_set_aside(tmp_path) == ["ledger-2"]
    shop.close()


def test_what_was_set_aside_goes_when_its_time_is_over(tmp_path: Path) -> None:
    both_set_aside(tmp_path)
    shop = open_shop(tmp_path)
    register = Register(shop.gallery_db, shop.ledger)
    policies = RetentionSection(quarantine_days=14).policies()
    job = Retention(shop.gallery, register, shop.ledger, policies)
    for folder in (tmp_path / "quarantine").iterdir():
        os.utime(folder, times=(START.timestamp(), START.timestamp()))
    assert job.carry_out(None, at(13 * 86400)).set_aside == ()
    late = at(15 * 86400)
    assert len(job.plan(None, late).set_aside) == 2
    assert names_set_aside(tmp_path) == ["gallery-1", "ledger-2"]
    assert not job.carry_out(None, late).empty
    assert names_set_aside(tmp_path) == []
    purge = shop.ledger.records(0, 10_000)[-1].content().body
    assert (purge["subject"], purge["count"], purge["days"]) == ("quarantine", 2, 14)
    shop.close()


def test_a_recovery_killed_or_failing_at_a_system_call_is_completed(tmp_path: Path) -> None:
    assert run_harness("recovery_harness", tmp_path, 397)["killed"] >= 3


@pytest.mark.soak
def test_a_recovery_killed_or_failing_at_any_call_is_completed(tmp_path: Path) -> None:
    found = run_harness("recovery_harness", tmp_path, 1)
    assert found["killed"] == found["EIO once"] == found["ENOSPC"] == found["calls"] > 100


def test_every_table_is_saved_or_is_known_bookkeeping() -> None:
    """A table that a later step adds is thought of here."""
    beside = {
        "gallery": {"gallery_clock", "erasure", "sqlite_sequence"},
        # A receipt or a pruning of the lost file says nothing of the fresh one's records.
        "ledger": {"records", "receipt", "pruned", "owner", "replay", "erasure"}
        | {"provisional", "resumptions", "sqlite_sequence"},
    }
    saved = {"gallery": _GALLERY_TABLES, "ledger": _LEDGER_TABLES}
    for name, one in (("gallery", GALLERY), ("ledger", LEDGER)):
        created = {
            statement.split()[2]
            for step in one.steps
            for statement in step
            if statement.startswith("CREATE TABLE")
        }
        assert created == (set(saved[name]) | beside[name]) - {"sqlite_sequence"}
