"""The status topic: retained, unsigned, written by the terminal's sync process and by its will.

Status informs people and monitoring. Nothing is ever decided by it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from store.records import Utc, utc_text
from sync.contract.wire import Message, Sequence, load_json, validate


class Status(Message):
    """How a terminal's delivery stands: `head` and `confirmed` are record numbers.

    What a machine does not tell is absent.
    """

    v: Literal[1] = 1
    state: Literal["online", "offline"]
    time: Utc
    head: Sequence
    confirmed: Sequence
    backlog: Sequence
    version: Annotated[str, Field(max_length=64)]
    fault: Annotated[str, Field(max_length=64)] | None = None
    refused: dict[str, Sequence] = Field(
        default_factory=dict,
        description="inbound messages that were refused since the start, by reason",
    )
    faults: tuple[str, ...] | None = Field(None, description="codes that stand, by the ledger")
    clock_synchronised: bool | None = None
    clock_error_ms: Sequence | None = None
    receipt_time: Utc | None = Field(None, description="when the last receipt was signed")
    disk_free: Sequence | None = Field(None, description="bytes")
    disk_size: Sequence | None = Field(None, description="bytes")
    temperature_c: float | None = None
    power: tuple[str, ...] | None = None
    models: dict[str, str] | None = None
    versions: dict[str, str] | None = None
    certificate_expires: Utc | None = None
    ca_expires: Utc | None = None
    certificate_days: int | None = Field(None, description="whole days left; below 0: expired")
    ca_days: int | None = Field(None, description="whole days left; below 0: expired")


def build_status(
    *,
    state: Literal["online", "offline"],
    now: datetime,
    head: int,
    confirmed: int,
    version: str,
    fault: str | None = None,
    refused: dict[str, int] | None = None,
    receipt_time: datetime | None = None,
    report: Mapping[str, Any] | None = None,
) -> bytes:
    """The status payload; `backlog` is the records between the two numbers."""
    status = Status(
        state=state,
        time=now,
        head=head,
        confirmed=confirmed,
        backlog=max(0, head - confirmed),
        version=version,
        fault=fault,
        refused=refused or {},
        receipt_time=receipt_time,
        **(report or {}),
    )
    content = status.model_dump(mode="json", exclude_none=True)
    content["time"] = utc_text(now)
    return json.dumps(content, separators=(",", ":")).encode("utf-8")


def parse_status(raw: bytes) -> Status:
    """The status of a payload; raises MalformedPayloadError."""
    return validate(Status, load_json(raw))
