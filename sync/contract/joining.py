"""Topics of joining: how a machine that is no terminal yet reaches headquarters.

- A site's new machines share one *join certificate*, whose common name, the broker's user name, is
  `SITE/join/new`. It has three parts, so that it can be no terminal's, and the broker's patterns
  for terminals open nothing with it that anybody hears.
- The client id of such a connection is the request's SHA-256 in hex. The broker's access list lets
  it write `kiosk/v1/SITE/join/new/request/ID` and read `kiosk/v1/SITE/join/new/answer/ID`, with its
  own client id for ID (docs/broker/acl): who does not know a request does not read its answer.
- Payloads are the documents of `store.joining`, and `store.join_notice` while there is no answer.
  Nothing is retained: who has no answer asks again, and the same request gets the same answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sync.contract.errors import MalformedPayloadError
from sync.contract.topics import ROOT, Address

_WHO = "join/new"
_TOPIC = re.compile(rf"{ROOT}/([^/]+)/{_WHO}/request/([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class Asking:
    """A request's place: the site, and the SHA-256 of the request in hex."""

    site: str
    id: str

    @property
    def request_topic(self) -> str:
        """Where the machine writes."""
        return f"{ROOT}/{self.site}/{_WHO}/request/{self.id}"

    @property
    def answer_topic(self) -> str:
        """Where headquarters answers."""
        return f"{ROOT}/{self.site}/{_WHO}/answer/{self.id}"


def join_name(site: str) -> str:
    """The common name of a site's join certificate."""
    Address(site, "any")  # raises for a name that no site can have
    return f"{site}/{_WHO}"


def every_request(group: str) -> str:
    """The subscription to every site's requests, shared by `group`'s workers."""
    return f"$share/{group}/{ROOT}/+/{_WHO}/request/+"


def is_joining(name: str) -> bool:
    """Whether a topic is of this module, sound or not."""
    return f"/{_WHO}/" in name


def parse_request_topic(name: str) -> Asking:
    """Whose request this topic is for; raises MalformedPayloadError for any other topic."""
    match = _TOPIC.fullmatch(name)
    if match is None:
        raise MalformedPayloadError("not a topic of a request to join")
    return Asking(Address(match[1], "any").site, match[2])
