"""What the consumer's guide says and code can check."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hq.receiver import _MAX_STATUS_BYTES
from sync.contract.events import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_READ_RECORDS, Event
from sync.contract.joining import Asking
from sync.contract.topics import _LABEL, Channel
from sync.contract.wire import MAX_PAYLOAD_BYTES

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "contract"
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("channel", list(Channel))
def test_every_topic_is_in_the_guide(channel: Channel) -> None:
    assert f"| `kiosk/v1/{{site}}/{{terminal}}/{channel}` |" in GUIDE


def test_the_topics_of_joining_are_in_the_guide() -> None:
    asking = Asking("{site}", "{id}")
    for name in (asking.request_topic, asking.answer_topic):
        assert f"| `{name}` |" in GUIDE


def test_every_field_of_an_event_is_in_the_guide() -> None:
    table = GUIDE.partition("## An event")[2].partition("##")[0]
    assert {name for name in Event.model_fields if f"`{name}`" not in table} == set()


def test_the_limits_are_the_programs() -> None:
    limits = " ".join(GUIDE.partition("## Limits")[2].split())
    assert MAX_PAYLOAD_BYTES == 1024 * 1024
    assert f"at most 1 MiB and {MAX_READ_RECORDS:,} records" in limits
    assert f"at most {MAX_BATCH_RECORDS} records and {MAX_BATCH_BYTES // 1024} KiB" in limits
    assert f"at most {_MAX_STATUS_BYTES // 1024} KiB" in limits
    assert f"`{_LABEL.pattern}`" in GUIDE


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (FOLDER / target).exists(), target
