"""The receiver takes anything: it stores only what is signed, and never raises."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hq.reports import alarm_lines
from sync.contract.topics import Channel, topic
from tests.hq.made import open_office
from tests.sync.made import GATE_A, NOON, inbound
from tests.sync.test_parsers import ANYTHING, RECORDS

HASHES = [record.hash.hex() for record in RECORDS]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(Channel), ANYTHING), min_size=1, max_size=8))
def test_nothing_that_arrives_stops_the_receiver(
    tmp_path: Path, messages: list[tuple[Channel, bytes]]
) -> None:
    office = open_office(
        f"sqlite:///{tmp_path / 'hq.db'}"
    )  # one database for all examples: its history is part of it
    round_ = [inbound(topic(GATE_A, channel), raw) for channel, raw in messages]
    office.receiver.take(round_, NOON)
    for channel, raw in messages:
        office.receiver.take([inbound(topic(GATE_A, channel), raw)], NOON)
    assert office.hashes() == HASHES[: len(office.hashes())]
    assert not [alarm for alarm in alarm_lines(office.database) if alarm["what"] == "internal"]
    office.database.close()
