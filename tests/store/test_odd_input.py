"""What nobody should give a store, and what it then says; nothing that was there is lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.database import open_database
from store.errors import InvalidValueError, StorageError, WrongKeyError
from store.ledger import Ledger
from store.people import Person
from store.records import Instant, person_number
from store.register import Register
from tests.store.made import (
    GALLERY_KEY,
    LEDGER_KEY,
    PUBLIC,
    SIGNER,
    TERMINAL,
    Shop,
    at,
    open_shop,
    punch,
)
from tests.store.test_processes import ROOT, start
from tests.store.test_register import enrol

# Any code point, lone surrogates too.
ANYTHING = st.text(st.characters(codec=None), max_size=80)
ODD = st.sampled_from(
    ["\x00", "\u202e", "\u0301", "\uff11\uff10\uff10\uff11", "\ud800", "'--", "[/b]", "x" * 10_000]
)
_READ_ONLY = """\
mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 77
exec "$2" -m tests.store.children open-with "$1" "$3"
"""
TEXTS = st.one_of(ANYTHING, st.lists(st.one_of(ODD, ANYTHING), max_size=3).map("".join))


@given(number=TEXTS, name=TEXTS, language=TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_whatever_a_person_is_called_comes_back_or_is_refused(
    shop: Shop, number: str, name: str, language: str
) -> None:
    before = shop.gallery.people()
    try:
        shop.gallery.add_person(number, name, language, at())
    except InvalidValueError:
        assert shop.gallery.people() == before
        return
    stored = person_number(number)
    person = Person(stored, name.strip(), language.strip(), "active", 0)
    assert shop.gallery.person(number) == person
    assert {p.number for p in shop.gallery.people()} == {stored, *(p.number for p in before)}
    shop.gallery.remove_person(number)
    assert shop.gallery.people() == before


def test_case_and_width_tell_numbers_apart(shop: Shop) -> None:
    """Numbers are handed over as they are; only spellings that Unicode calls equal are one."""
    for number in ("a1", "A1", "1001", "\uff11\uff10\uff10\uff11", "\u00df", "ss"):
        shop.gallery.add_person(number, "n", "en", at())
    assert len(shop.gallery.people()) == 6


@pytest.mark.parametrize(
    "name", ["a\x00b", "a\x1b[2Jb", "a\nb", "a\u2028b", "a\u202eb", "a\u2066b"]
)
def test_a_name_cannot_steer_the_terminal_that_shows_it(shop: Shop, name: str) -> None:
    with pytest.raises(InvalidValueError, match="printable"):
        shop.gallery.add_person("1", name, "en", at())
    assert shop.gallery.people() == []


@pytest.mark.parametrize("name", ["می‌خواهم", "क्‍ष", "👩‍🏭", "O'Neill", "Zoe\u0308"])
def test_names_that_need_joiners_are_kept(shop: Shop, name: str) -> None:
    shop.gallery.add_person("1", name, "en", at())
    assert [person.name for person in shop.gallery.people()] == [name]


@given(days=st.lists(st.integers(-739_000, 2_900_000), min_size=2, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
def test_a_clock_that_jumps_to_any_year_loses_nothing(shop: Shop, days: list[int]) -> None:
    """From year 2 to 9966, forwards and backwards, between every two steps of a person's stay."""
    times = [_on_day(day) for day in days]
    seq = shop.ledger.head().seq
    register = Register(shop.gallery_db, shop.ledger)
    enrol(register, "1001", 1)
    for instant in times:
        register.block("1001", instant)
        register.unblock("1001", instant)
        assert shop.ledger.append(punch(), instant).content().time.utc == instant.utc
    register.withdraw("1001", times[-1])
    (consent,) = shop.gallery.consents("1001")
    assert datetime.fromisoformat(str(consent.ended_utc)) == times[-1].utc
    register.leave("1001", times[0])
    assert shop.gallery.ended_before("0001") == ([], [])
    register.remove("1001", times[0])
    assert shop.ledger.verify(PUBLIC).seq == seq + 2 + 3 * len(times) + 2 + 1 + 1


def _on_day(day: int) -> Instant:
    utc = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day)
    return at().model_copy(update={"utc": utc})


def test_of_two_keys_that_race_for_a_new_file_one_wins(tmp_path: Path) -> None:
    """Each process makes the database or is told that the key is wrong; nothing is mixed."""
    keys = [LEDGER_KEY, GALLERY_KEY] * 2
    children = [start("children", "open-with", str(tmp_path), key.hex()) for key in keys]
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [child.communicate()[0].split() for child in children]
    assert [child.returncode for child in children] == [0] * len(children)
    winners = {key for key, words in zip(keys, said, strict=True) if len(words) == 2}
    assert len(winners) == 1
    assert said.count(["WrongKeyError"]) == 2
    (winner,) = winners
    database = open_database(tmp_path / "ledger.db", winner, create=False)
    records = Ledger(database, TERMINAL, None).records(0, 9)
    assert sorted([str(r.seq), r.hash.hex()] for r in records) == sorted(
        words for words in said if len(words) == 2
    )
    assert {r.content().body["person"] for r in records} == {winner.hex()[:8]}
    database.close()


def test_another_key_beside_an_open_database_disturbs_nobody(shop: Shop) -> None:
    shop.ledger.append(punch(), at())
    with pytest.raises(WrongKeyError):
        open_database(shop.folder / "ledger.db", GALLERY_KEY, create=True)
    assert shop.ledger.append(punch(), at()).seq == 2
    assert shop.ledger.verify(PUBLIC).seq == 2
    assert shop.ledger_db.damage() == []


@pytest.mark.parametrize("left_behind", [False, True], ids=["closed", "with a log left behind"])
def test_a_read_only_file_system_is_named_and_keeps_all(tmp_path: Path, left_behind: bool) -> None:
    """A real one: a bind mount in a namespace of its own."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare (util-linux) for a mount of its own")
    folder = tmp_path / "data"
    folder.mkdir()
    shop = open_shop(folder)
    written = [shop.ledger.append(punch(), at()) for _ in range(3)]
    copies = {path: path.read_bytes() for path in folder.iterdir()} if left_behind else {}
    shop.close()
    for path, content in copies.items():
        path.write_bytes(content)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _READ_ONLY),
            *("sh", str(folder), sys.executable, LEDGER_KEY.hex()),
        ],
        cwd=ROOT,
        input="go\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode in (1, 77):
        pytest.skip(f"this machine lets nobody mount: {done.stderr.strip()}")
    assert done.stdout.split() == ["ready", StorageError.__name__], done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    database = open_database(folder / "ledger.db", LEDGER_KEY, create=False)
    assert Ledger(database, TERMINAL, SIGNER).records(0, 9) == written
    database.close()
