"""Delays after wrong PINs: the pure rule, and the counts on the disk."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.attempts import (
    MAX_UNKNOWN,
    PERSON,
    TERMINAL,
    WHOLE_TERMINAL,
    Attempts,
    Rule,
    Subject,
    Tries,
    after_right,
    after_wrong,
    waiting_s,
)
from store.gallery import Gallery
from store.records import Instant
from tests.killing import die_before, is_killed
from tests.store.made import Shop, at, open_shop

BOOT = at().boot
RULES = st.sampled_from([PERSON, TERMINAL])


def instant(seconds: float, boot: str = BOOT) -> Instant:
    """So many seconds after a boot; the wall clock says what it likes."""
    wrong = timedelta(days=-7000 if boot == BOOT else 7000)
    return at().model_copy(
        update={"boot": boot, "monotonic_ns": int(seconds * 1e9), "utc": at().utc + wrong}
    )


def row(failures: int, seconds: float = 100) -> Tries:
    return Tries(failures, BOOT, int(seconds * 1e9))


def test_the_first_tries_are_free_then_each_doubles_the_delay_up_to_a_quarter_of_an_hour() -> None:
    delays = [waiting_s(row(n), instant(100), PERSON) for n in range(1, 15)]
    assert delays == [0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_the_terminal_s_delay_is_milder_and_ends_by_itself() -> None:
    delays = [waiting_s(row(n), instant(100), TERMINAL) for n in (10, 11, 12, 15, 16, 10_000)]
    assert delays == [0, 2, 4, 32, 60, 60]
    ten_quiet_minutes = instant(100 + 601)
    assert after_wrong(row(10_000), ten_quiet_minutes, TERMINAL).failures == 1
    assert after_wrong(row(10_000), ten_quiet_minutes, PERSON).failures == 10_001


def test_after_a_restart_the_whole_delay_runs_from_the_boot() -> None:
    tries = row(5, seconds=1_000_000)
    assert waiting_s(tries, instant(1_000_003), PERSON) == 1
    assert waiting_s(tries, instant(0, "another boot"), PERSON) == 4
    assert waiting_s(tries, instant(3, "another boot"), PERSON) == 1
    assert waiting_s(tries, instant(4, "another boot"), PERSON) == 0


def test_a_right_pin_takes_one_off_the_terminal_s_row_and_delays_nobody_longer() -> None:
    assert after_right(None) is None
    assert after_right(row(1)) is None
    assert after_right(row(12)) == row(11)


@given(RULES, st.integers(1, 10_000), st.integers(0, 10**6), st.integers(0, 10**6))
def test_waiting_never_grows_by_waiting_and_is_bounded(
    rule: Rule, failures: int, then: int, later: int
) -> None:
    tries = row(failures, then)
    first = waiting_s(tries, instant(then), rule)
    second = waiting_s(tries, instant(then + later), rule)
    assert 0 <= second <= first <= rule.most_s
    assert waiting_s(tries, instant(then + first + 1e-3), rule) == 0


@given(RULES, st.integers(0, 10_000), st.integers(0, 10**6), st.booleans())
def test_one_more_wrong_pin_never_shortens_the_delay(
    rule: Rule, failures: int, now: int, restarted: bool
) -> None:
    tries = row(failures, 10**5) if failures else None
    instant_ = instant(now, "another boot") if restarted else instant(10**5 + now)
    before = waiting_s(tries, instant_, rule)
    after = after_wrong(tries, instant_, rule)
    assert waiting_s(after, instant_, rule) >= before
    assert (after.boot, after.monotonic_ns) == (instant_.boot, instant_.monotonic_ns)


@given(RULES, st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=60))
def test_whoever_tries_all_day_gets_no_more_tries_than_the_rule_gives(
    rule: Rule, moves: list[tuple[int, bool]]
) -> None:
    """Pauses and restarts in any order: between two looked-at tries lies the delay."""
    tries: Tries | None = None
    now_s, boot, looked_at = 0.0, 0, []
    for pause, restarts in moves:
        if restarts:
            now_s, boot = 0.0, boot + 1
        now_s += pause
        instant_ = instant(now_s, f"boot {boot}")
        if waiting_s(tries, instant_, rule) == 0:
            tries = after_wrong(tries, instant_, rule)
            looked_at.append((boot, now_s, tries.failures))
    for (boot_a, at_a, n), (boot_b, at_b, _) in pairwise(looked_at):
        if n > rule.free:
            passed = at_b - at_a if boot_a == boot_b else at_b
            assert passed >= min(rule.first_s * 2 ** (n - rule.free - 1), rule.most_s)


def test_counts_outlast_reopening_and_a_kill_at_any_step(tmp_path: Path) -> None:
    """A count is the old one or the new one, never gone and never in between."""
    shop = open_shop(tmp_path)
    Attempts(shop.gallery_db).put(WHOLE_TERMINAL, row(11))
    shop.close()

    def count_and_die(step: int) -> None:
        again = open_shop(tmp_path)
        die_before(step)
        Attempts(again.gallery_db).put(WHOLE_TERMINAL, row(12))

    killed, seen = 0, []
    while is_killed(partial(count_and_die, killed)):
        killed += 1
        shop = open_shop(tmp_path)
        seen.append(Attempts(shop.gallery_db).get(WHOLE_TERMINAL))
        Attempts(shop.gallery_db).put(WHOLE_TERMINAL, row(11))
        shop.close()
    assert killed >= 4
    assert set(seen) <= {row(11), row(12)}
    shop = open_shop(tmp_path)
    assert Attempts(shop.gallery_db).get(WHOLE_TERMINAL) == row(12)
    shop.close()


def test_who_is_removed_or_leaves_takes_the_count_along(shop: Shop) -> None:
    attempts, gallery = Attempts(shop.gallery_db), Gallery(shop.gallery_db)
    for number in ("1001", "1002"):
        gallery.add_person(number, "A", "en", at())
        attempts.put(Subject("person", number), row(4))
    gallery.remove_person("1001")
    gallery.set_status("1002", "left", at())
    assert shop.gallery_db.rows("SELECT * FROM attempts", (), lambda *r: r) == []


def test_numbers_that_nobody_has_cannot_fill_the_gallery(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.attempts.MAX_UNKNOWN", 5)
    attempts = Attempts(shop.gallery_db)
    attempts.put(Subject("unknown", "often"), row(9))
    for n in range(20):
        attempts.put(Subject("unknown", f"once {n}"), row(1, seconds=n))
    query = "SELECT subject FROM attempts ORDER BY failures DESC, monotonic_ns DESC"
    kept = shop.gallery_db.rows(query, (), str)
    assert kept == ["often", "once 19", "once 18", "once 17", "once 16"]
    assert MAX_UNKNOWN == 256
