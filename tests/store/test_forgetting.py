"""After somebody is gone nothing of them is in gallery.db, for whoever has the key as well.

Not their number either: the note that becomes the deletion's record is erased like the rest. The
records in ledger.db name people by number on purpose (docs/ledger-format.md).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from store.records import Purge
from store.register import Register
from tests.store.made import GALLERY_KEY, LEDGER_KEY, PowerCut, Shop, at, cut_power_at, vector
from tests.store.made import open_shop as opened
from tests.store.pages import traces
from tests.store.test_register import enrol

NUMBER = "EMPLOYEE-80017"
OTHERS = [str(1000 + n) for n in range(24)]


def needles() -> list[bytes]:
    raw = vector(7).tobytes()
    parts = [raw[start : start + 16] for start in range(0, len(raw), 48)]
    return [NUMBER.encode(), f"Name {NUMBER}".encode(), *parts]


def left(shop: Shop) -> list[bytes]:
    """What of the person is still on any page of gallery.db, free ones too, or in its log."""
    return [
        needle for needle in needles() if traces(shop.folder / "gallery.db", GALLERY_KEY, needle)
    ]


def with_people(shop: Shop) -> Register:
    """Two dozen people, the one who will go among them, so that pages were split."""
    register = Register(shop.gallery_db, shop.ledger)
    for n, number in enumerate(OTHERS):
        enrol(register, number, 1000 + n)
        if n == 12:
            enrol(register, NUMBER, 7)
    assert len(left(shop)) == len(needles()), "the search finds what is there"
    return register


def test_who_is_removed_leaves_no_trace(shop: Shop) -> None:
    with_people(shop).remove(NUMBER, at())
    assert left(shop) == []
    assert traces(shop.folder / "gallery.db", GALLERY_KEY, b"Name 1001")
    shop.gallery_db.close()
    assert left(shop) == [], "folded in"
    assert traces(shop.folder / "ledger.db", LEDGER_KEY, NUMBER.encode()), "the records stay"


@pytest.mark.parametrize("how", ["withdraw", "leave"])
def test_who_withdraws_or_leaves_goes_altogether_with_the_last_consent(
    shop: Shop, how: str
) -> None:
    register = with_people(shop)
    getattr(register, how)(NUMBER, at())
    assert left(shop) == needles()[:2], "number and name stay while the ended consent is kept"
    if how == "withdraw":
        register.leave(NUMBER, at())
    consents, people = shop.gallery.ended_before("2027")
    assert people == [NUMBER]
    purge = Purge(subject="consents", count=1, days=1, ground="test")
    register.purge_consents(consents, people, purge, at())
    assert left(shop) == []


def test_a_crash_between_the_removal_and_its_record_leaves_no_trace_in_the_end(
    tmp_path: Path,
) -> None:
    """Cut off at each statement in turn, then opened again, as by the next start."""
    for statement in range(0, 400, 4):
        folder = tmp_path / str(statement)
        folder.mkdir()
        shop = opened(folder)
        register = Register(shop.gallery_db, shop.ledger)
        enrol(register, NUMBER, 7)
        done = False
        with pytest.MonkeyPatch.context() as patch:
            cut_power_at(patch, statement)
            try:
                register.remove(NUMBER, at())
                done = True
            except PowerCut:
                pass
        shop.gallery_db._connection.close()
        shop.ledger_db._connection.close()
        shop = opened(folder)
        Register(shop.gallery_db, shop.ledger).settle()
        if shop.gallery.person(NUMBER) is None:
            assert left(shop) == [], f"cut off at statement {statement}"
        shop.close()
        if done:
            return
    pytest.fail("the removal never came to its end")
