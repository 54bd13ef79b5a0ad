"""What records say: bounds on writing, tolerance on reading, odd people and odd clocks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from store.errors import InvalidValueError
from store.records import BODIES, Body, Envelope, Fault, Instant, Punch, Record, person_number
from store.records import build_payload as payload_of
from tests.store.made import at, punch

ODD_TIMES = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1901, 12, 13, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(2101, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]


def parsed(body: Body, instant: Instant) -> Envelope:
    payload = payload_of("plant-1", "gate-a", 7, "id-7", body, instant)
    return Record(7, "id-7", body.kind, payload, b"", b"", b"").content()


def test_the_payload_has_this_form() -> None:
    raw = payload_of("plant-1", "gate-a", 7, "id-7", Fault(code="camera_lost"), at(1.5))
    assert raw == (
        b'{"body":{"code":"camera_lost","detail":"","v":1},"id":"id-7","kind":"fault","seq":7,'
        b'"site":"plant-1","terminal":"gate-a","time":{"boot":'
        b'"9d1c7a0e-0000-4000-8000-000000000001","error_ms":12,'
        b'"monotonic_ns":"1152921506106846976","synchronised":true,'
        b'"utc":"2026-03-01T06:00:01.500000Z","zone":"Europe/Berlin"},"v":1}'
    )


def test_kinds_are_the_names_in_snake_case() -> None:
    assert {"punch", "boot", "command_done", "withdrawal"} <= BODIES.keys()
    assert all(kind == kind.lower() for kind in BODIES)


def test_what_was_written_is_read() -> None:
    envelope = parsed(punch(), at(3))
    assert envelope.known_body() == punch()
    assert envelope.time == at(3)


@pytest.mark.parametrize("utc", ODD_TIMES)
def test_clocks_far_off_are_kept_as_they_were(utc: datetime) -> None:
    instant = at().model_copy(update={"utc": utc, "synchronised": False})
    assert parsed(punch(), instant).time.utc == utc


def test_another_zones_time_is_kept_in_utc() -> None:
    local = datetime(2026, 3, 1, 7, tzinfo=timezone(timedelta(hours=1)))
    values = {**at().model_dump(), "utc": local}
    instant = Instant.model_validate(values)
    assert instant.utc.tzinfo is UTC
    assert instant.utc == local


@pytest.mark.parametrize(
    "utc",
    [
        datetime(2026, 3, 1),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_a_time_without_a_place_on_the_utc_line_is_refused(utc: datetime) -> None:
    with pytest.raises(ValidationError):
        Instant.model_validate({**at().model_dump(), "utc": utc})


@given(st.integers(-(2**80), 2**80))
def test_nanoseconds_of_any_size_come_back(nanoseconds: int) -> None:
    instant = at().model_copy(update={"monotonic_ns": nanoseconds})
    assert parsed(punch(), instant).time.monotonic_ns == nanoseconds


@given(
    st.dictionaries(st.text("abcxyz", min_size=4), st.integers(0, 9) | st.text("ab"), max_size=3)
)
def test_fields_of_later_versions_are_kept(unknown: dict[str, Any]) -> None:
    wire = json.loads(payload_of("plant-1", "gate-a", 7, "id-7", punch(), at()))
    wire["body"] |= unknown
    wire["time"] |= unknown
    wire["later"] = unknown
    envelope = Envelope.model_validate(wire)
    assert json.loads(envelope.model_dump_json()) == wire
    body = envelope.known_body()
    assert body is not None
    assert json.loads(body.model_dump_json()) == wire["body"]


@pytest.mark.parametrize(
    ("kind", "body"), [("shift_plan", {"v": 1}), ("punch", {"v": 2, "who": "x"})]
)
def test_kinds_and_forms_of_later_versions_are_passed_on(kind: str, body: dict[str, Any]) -> None:
    wire = json.loads(payload_of("plant-1", "gate-a", 7, "id-7", punch(), at()))
    envelope = Envelope.model_validate({**wire, "kind": kind, "body": body})
    assert envelope.known_body() is None
    assert envelope.body == body


def test_a_new_record_has_no_fields_of_its_own() -> None:
    body = Fault.model_validate({"code": "x", "colour": "red"})
    with pytest.raises(InvalidValueError):
        payload_of("plant-1", "gate-a", 7, "id-7", body, at())


@pytest.mark.parametrize(
    "change",
    [
        {"score_millionths": 0.5},
        {"score_millionths": 1_000_001},
        {"frames": -1},
        {"frames": 2**60},
        {"method": "guess"},
        {"direction": "up"},
        {"model": "AB" * 32},
        {"person": ""},
        {"person": "x" * 10_000_000},
        {"person": "a\nb"},
    ],
)
def test_values_out_of_bounds_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Punch.model_validate({**punch().model_dump(), **change})


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1001", "1001"),
        (" 1001\t", "1001"),
        ("e\u0301-7", "\u00e9-7"),
        ("工号七", "工号七"),
        ("١٢٣", "١٢٣"),
        ("👷7", "👷7"),
        ("' OR 1=1 --", "' OR 1=1 --"),
    ],
)
def test_odd_numbers_have_one_form(written: str, kept: str) -> None:
    assert person_number(written) == kept


@pytest.mark.parametrize(
    "number",
    ["", "  ", "a\x00b", "a\u202eb", "a\u200bb", "\ud800", "a\u2028b", "x" * 65, "x" * 10_000_000],
)
def test_numbers_that_nobody_can_read_are_refused(number: str) -> None:
    with pytest.raises(InvalidValueError):
        person_number(number)


@given(st.text(max_size=80))
def test_the_form_of_a_number_is_its_own_form(text: str) -> None:
    try:
        number = person_number(text)
    except InvalidValueError:
        return
    assert person_number(number) == number
