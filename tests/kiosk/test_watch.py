"""Faults begin once and end once; the clock's corrections let HQ count back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kiosk.stores import open_stores
from kiosk.watch import SETTLE_S, Code, Limits, Readings, Watch
from kiosk.watchman import CAMERA_UNAVAILABLE, Watchman
from store.machine import Health, power_flags, read_health
from store.records import Instant, Stop, TimeCorrection
from store.standing import standing_faults
from tests.kiosk.made import now, terminal

READINGS = st.builds(
    Readings,
    disk_free=st.none() | st.integers(0, 10**9),
    temperature_c=st.none() | st.floats(-20, 120),
    power=st.none() | st.integers(0, 2**20 - 1).map(power_flags),
    clock_held=st.none() | st.booleans(),
    expires_days=st.none() | st.floats(-100, 400),
    attacks=st.integers(0, 10),
    frames_bad=st.none() | st.booleans(),
)


@given(st.lists(st.tuples(READINGS, st.floats(0, 400)), max_size=20))
def test_a_fault_begins_and_ends_by_turns(looks: list[tuple[Readings, float]]) -> None:
    watch, at_s = Watch(Limits()), 0.0
    for readings, passed_s in looks:
        at_s += passed_s
        for change in watch.look(readings, at_s):
            assert change.begins == (change.code not in watch.standing)
            watch.changed(change)
        before = watch.standing
        assert watch.look(readings, at_s) == []
        assert watch.look(Readings(attacks=1), at_s) == []
        assert watch.standing == before


def test_a_fault_ends_only_when_all_was_well_for_long() -> None:
    watch = Watch(Limits())
    [begins] = watch.look(Readings(temperature_c=81), 0)
    watch.changed(begins)
    assert watch.look(Readings(temperature_c=74), 1) == []
    assert watch.look(Readings(temperature_c=76), 2) == []  # between the bounds: begin to wait anew
    assert watch.look(Readings(temperature_c=74), 3) == []
    assert watch.look(Readings(temperature_c=74), 2 + SETTLE_S) == []
    [ends] = watch.look(Readings(temperature_c=74), 3 + SETTLE_S)
    assert (ends.code, ends.begins) == (Code.TOO_HOT, False)


def test_a_pis_sensors_are_read_and_another_machine_makes_nothing_up(tmp_path: Path) -> None:
    bare = read_health(tmp_path, tmp_path)
    assert (bare.temperature_c, bare.power, bare.disk_free is None) == (None, None, False)
    heat = tmp_path / "sys/class/thermal/thermal_zone0"
    firmware = tmp_path / "sys/devices/platform/soc/soc:firmware"
    for folder in (heat, firmware):
        folder.mkdir(parents=True)
    (heat / "temp").write_text("51121\n")
    (firmware / "get_throttled").write_text("50005\n")
    pi = read_health(tmp_path, tmp_path)
    assert pi.temperature_c == 51.121
    assert pi.power == power_flags(0x50005) >= {"undervoltage", "throttling_occurred"}


def test_a_fault_that_stood_at_a_restart_is_one_record(tmp_path: Path) -> None:
    settings = terminal(tmp_path)
    for _ in range(3):
        with open_stores(settings) as stores:
            watchman = Watchman(settings, stores, lambda: Health(disk_free=1))
            watchman.report(CAMERA_UNAVAILABLE, True, now())
            watchman.look(now())
            kinds = [record.kind for record in stores.ledger.records(0, 10)]
            assert kinds == ["fault", "fault"]
            assert standing_faults(stores.ledger_db) == {CAMERA_UNAVAILABLE, "disk_nearly_full"}


def at(utc_days: float, monotonic_s: float, synchronised: bool) -> Instant:
    return now(utc_days).model_copy(
        update={"monotonic_ns": int(monotonic_s * 1e9), "synchronised": synchronised}
    )


def test_the_clock_that_becomes_right_puts_what_was_recorded_before_right(tmp_path: Path) -> None:
    settings = terminal(tmp_path)
    with open_stores(settings) as stores:
        watchman = Watchman(settings, stores, Health)
        watchman.keep_time(at(-20_000, 10, False))
        stores.ledger.append(Stop(reason="one"), at(-20_000, 10, False))
        watchman = Watchman(settings, stores, Health)  # a crash changes nothing
        watchman.keep_time(at(0, 70, True))
        watchman.keep_time(at(0, 70, True))
        early, correction = (record.content() for record in stores.ledger.records(0, 10))
        body = correction.known_body()
        assert isinstance(body, TimeCorrection)
        assert (body.reason, body.from_seq, body.to_seq) == ("synchronised", 1, 1)
        ago_ns = correction.time.monotonic_ns - early.time.monotonic_ns
        assert correction.time.utc - timedelta(seconds=ago_ns / 1e9) == now().utc - timedelta(
            minutes=1
        )


def test_a_clock_that_jumps_back_is_recorded(tmp_path: Path) -> None:
    settings = terminal(tmp_path)
    with open_stores(settings) as stores:
        watchman = Watchman(settings, stores, Health)
        watchman.keep_time(at(1, 10, True))
        watchman.keep_time(at(0, 10, True))
        [record] = stores.ledger.records(0, 10)
        body = record.content().known_body()
    assert isinstance(body, TimeCorrection)
    assert (body.reason, body.offset_ms) == ("stepped", -86_400_000)
