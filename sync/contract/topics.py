"""Topic names: `kiosk/v1/{site}/{terminal}/{channel}`.

A site's and a terminal's name is a DNS label (`^[a-z0-9][a-z0-9-]{0,62}$`), so it can neither hold
a topic separator nor a wildcard. Use:

    topic(Address("plant-1", "gate-a"), Channel.EVENTS)   # kiosk/v1/plant-1/gate-a/events
    every(Channel.EVENTS, group="hq")                     # $share/hq/kiosk/v1/+/+/events
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sync.contract.errors import MalformedPayloadError

ROOT = "kiosk/v1"
_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PARTS = 5


class Channel(StrEnum):
    """The last part of a topic, and who writes it."""

    EVENTS = "events"  # terminal
    STATUS = "status"  # terminal, retained
    RECEIPT = "receipt"  # headquarters, retained
    COMMAND = "command"  # headquarters
    REPLY = "reply"  # terminal


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A terminal: its site's name and its own. MalformedPayloadError if one is no label."""

    site: str
    terminal: str

    def __post_init__(self) -> None:
        for name in (self.site, self.terminal):
            if not _LABEL.fullmatch(name):
                raise MalformedPayloadError(
                    "a site or terminal name must match [a-z0-9][a-z0-9-]{0,62}"
                )

    def __str__(self) -> str:
        return f"{self.site}/{self.terminal}"

    @property
    def source(self) -> str:
        """The CloudEvents source of this terminal's events."""
        return f"/{ROOT}/{self.site}/{self.terminal}"


def topic(address: Address, channel: Channel) -> str:
    """The topic of one terminal's channel."""
    return f"{ROOT}/{address.site}/{address.terminal}/{channel}"


def every(channel: Channel, group: str | None = None) -> str:
    """The subscription to every terminal's channel, shared by `group`'s workers if given."""
    shared = f"$share/{group}/" if group else ""
    return f"{shared}{ROOT}/+/+/{channel}"


def parse_topic(name: str) -> tuple[Address, Channel]:
    """Whose topic this is and which channel; raises MalformedPayloadError for any other topic."""
    parts = name.split("/")
    if len(parts) != _PARTS or "/".join(parts[:2]) != ROOT:
        raise MalformedPayloadError("not a topic of this contract")
    try:
        channel = Channel(parts[4])
    except ValueError:
        raise MalformedPayloadError("not a channel of this contract") from None
    return Address(parts[2], parts[3]), channel
