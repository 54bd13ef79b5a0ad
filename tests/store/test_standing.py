"""What stands is the same whether the ledger is followed or read from the start."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.database import open_database
from store.ledger import Ledger
from store.records import Body, Boot, Fault, FaultCleared
from store.standing import Standing, standing_faults
from tests.store.made import LEDGER_KEY, SIGNER, TERMINAL, Shop, at, open_shop, punch

CODES = st.sampled_from(["too_hot", "clock_lost", "camera_lost"])
LOOK = "look"
STEPS = st.lists(
    st.one_of(
        CODES.map(lambda code: Fault(code=code, detail="")),
        CODES.map(lambda code: FaultCleared(code=code)),
        st.frozensets(CODES).map(lambda codes: boot(*codes)),
        st.just(punch()),
        st.just(LOOK),
    ),
    max_size=20,
)


def boot(*faults: str, version: str = "0.1.0") -> Boot:
    return Boot(version=version, settings_digest="ab" * 32, faults=tuple(sorted(faults)))


@settings(max_examples=10)
@given(STEPS)
def test_following_and_reading_anew_say_the_same(steps: list[Body | str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder) / "ledger.db", LEDGER_KEY, create=True)
        ledger, followed = Ledger(database, TERMINAL, SIGNER), Standing(database)
        expected: set[str] = set()
        newest: Boot | None = None
        for step in steps:
            if isinstance(step, str):
                followed.refresh()
                assert followed.faults == standing_faults(database) == expected
                assert followed.boot == newest
                continue
            ledger.append(step, at())
            match step:
                case Boot():
                    newest, expected = step, set(step.faults)
                case Fault():
                    expected.add(step.code)
                case FaultCleared():
                    expected.discard(step.code)
        followed.refresh()
        assert followed.faults == standing_faults(database) == expected
        database.close()


def test_nothing_is_read_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.ledger.append(boot("too_hot"), at())
    followed = Standing(shop.ledger_db)
    followed.refresh()
    read: list[tuple[int, int]] = []
    real = followed._read

    def noted(after: int, to: int) -> None:
        read.append((after, to))
        real(after, to)

    monkeypatch.setattr(followed, "_read", noted)
    followed.refresh()
    assert read == []
    shop.ledger.append(punch(), at())
    shop.ledger.append(Fault(code="clock_lost", detail=""), at())
    followed.refresh()
    assert read == [(1, 3)]
    assert followed.faults == {"too_hot", "clock_lost"}


def test_what_was_read_may_be_pruned_behind_it(shop: Shop) -> None:
    """A fault that stands is not forgotten because its record is gone."""
    shop.ledger.append(boot("too_hot"), at())
    followed = Standing(shop.ledger_db)
    followed.refresh()
    for _ in range(3):
        shop.ledger.append(punch(), at())
    third = shop.ledger.records(2, 1)[0]
    shop.delivery.save_receipt(b"signed", third.seq, third.hash)
    shop.ledger_db.execute("INSERT INTO pruned VALUES (1, ?, ?)", (third.seq, third.hash))
    shop.ledger_db.execute("DELETE FROM records WHERE seq <= ?", (third.seq,))
    followed.refresh()
    assert followed.faults == {"too_hot"}


def test_another_ledger_in_its_place_is_read_from_the_start(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = open_shop(tmp_path / "other")
    for ledger, code in ((shop.ledger, "too_hot"), (other.ledger, "clock_lost")):
        ledger.append(boot(code, version=code), at())
    followed = Standing(shop.ledger_db)
    followed.refresh()
    followed._database = other.ledger_db
    followed.refresh()
    assert followed.faults == {"clock_lost"}
    assert followed.boot is not None
    assert followed.boot.version == "clock_lost"
    other.close()
