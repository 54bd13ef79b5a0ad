"""What a terminal reads of headquarters: documents, commands with their arguments, topics.

`orders` is the whole way of a command: `kiosk.orders.obey` on real encrypted databases, with every
type of command, signed by headquarters. Nothing may come out of it but its outcome, and nothing may
stay in the inbox: a message that raises would come again for ever.
"""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fuzzing.course import Parser
from fuzzing.mangling import odd_text, odd_value, twisted, written
from fuzzing.messages import DOCUMENTS, RECORDS, document, message, parted, signed, topic_name
from fuzzing.outbox import StillOutbox
from kiosk.orders import obey
from kiosk.overrides import WHITELIST, Overrides
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import Stores, open_stores
from store.delivery import MAX_DOCUMENT_BYTES
from store.documents import open_document
from store.errors import DocumentError
from store.keys import create_keys
from store.settings import HqSection, StoreSection, Terminal
from sync.contract import samples
from sync.contract.commands import checked_arguments
from sync.contract.documents import open_command, open_receipt
from sync.contract.errors import ContractError
from sync.contract.topics import Channel, parse_topic
from sync.reception import Reception
from sync.seam import Inbound

_HQ = samples.HQ_KEY.public_key()
_NOW = samples.instant(1)


def parsers(folder: Path) -> list[Parser]:
    """The terminal's; `folder` is for the databases."""
    reception, orders = _Reception(), _Orders(folder)
    inbound = (Channel.RECEIPT, Channel.COMMAND)
    broken = (ContractError,)
    return [
        Parser(
            "receipt",
            document(Channel.RECEIPT),
            lambda raw: open_receipt(_HQ, samples.GATE, raw),
            broken,
        ),
        Parser(
            "command",
            document(Channel.COMMAND),
            lambda raw: open_command(_HQ, samples.GATE, raw),
            broken,
        ),
        Parser("arguments", _arguments, _check_arguments, broken),
        Parser(
            "document",
            document(Channel.COMMAND),
            lambda raw: open_document(_HQ, "command", raw),
            (DocumentError,),
        ),
        Parser("topic", topic_name, lambda raw: parse_topic(raw.decode("utf-8")), broken),
        Parser("reception", message(inbound), reception.read, (), reception.renew, 200),
        Parser("orders", orders.make, orders.read, (), orders.renew, 400),
    ]


def _arguments(random: Random) -> bytes:
    body = json.loads(random.choice(DOCUMENTS[Channel.COMMAND]))["body"]
    return written(random, [body["type"], twisted(random, body["arguments"])])


def _check_arguments(raw: bytes) -> None:
    try:
        type_, arguments = json.loads(raw)
    except (ValueError, RecursionError):
        return  # not this parser's to read
    if isinstance(type_, str) and isinstance(arguments, dict):
        checked_arguments(type_, arguments)


class _Reception:
    """One that goes on hearing, with a ledger, and one that awaits a receipt."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self._receptions = [
            Reception(samples.GATE, StillOutbox(RECORDS, provisional), _HQ)
            for provisional in (False, True)
        ]

    def read(self, case: bytes) -> None:
        name, payload = parted(case)
        heard = Inbound(name, payload, retained=False, connection=1, token=1)
        for reception in self._receptions:
            reception.take(heard, samples.MORNING)


class _Orders:
    """A terminal with people in it that carries out whatever headquarters signed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "terminal"
        self._fresh = folder / "fresh"
        self._stack = ExitStack()
        self._stores: Stores | None = None
        self._number = 0
        self._fresh.mkdir()
        create_keys(self._fresh / "keys")
        pem = _HQ.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self._fresh / "hq.pub").write_bytes(pem)
        self._settings = Settings(
            terminal=Terminal(
                site=samples.GATE.site, name=samples.GATE.terminal, zone="Europe/Berlin"
            ),
            store=StoreSection(directory=self._folder, keys=self._folder / "keys"),
            hq=HqSection(public_key=self._folder / "hq.pub"),
        )

    def make(self, random: Random) -> bytes:
        """A letter for the kind of message, and the document; numbers mostly grow."""
        if random.random() < 0.1:
            return b"R" + document(Channel.RECEIPT)(random)
        if random.random() < 0.1:
            return b"C" + document(Channel.COMMAND)(random)
        self._number += 1
        body = json.loads(random.choice(DOCUMENTS[Channel.COMMAND]))["body"]
        body["number"] = self._number
        if random.random() < 0.8:
            body["arguments"] = twisted(random, body["arguments"])
            if body["type"] == "configure" and random.random() < 0.8:
                body["arguments"] = {"settings": toml_text(random)}
        else:
            body = twisted(random, body)
        return b"C" + signed(random, samples.HQ_KEY, "command", body)

    def renew(self) -> None:
        self._stack.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._fresh, self._folder)
        self._number = 0
        self._stores = self._stack.enter_context(open_stores(self._settings))
        self._station = Station(self._settings, Overrides(self._settings))

    def read(self, case: bytes) -> None:
        if len(case) > MAX_DOCUMENT_BYTES:
            return  # sync lets no such document through: `command` and `reception` show it
        if self._stores is None:
            self.renew()
        stores = self._stores
        assert stores is not None  # noqa: S101 (renew has just opened them)
        stores.delivery.post_inbox("receipt" if case[:1] == b"R" else "command", case[1:])
        obey(stores, self._station, _NOW)
        if stores.delivery.inbox(1):
            raise AssertionError("a message stayed in the inbox")
        for reply in stores.delivery.replies(10):
            stores.delivery.drop_reply(reply.id)


def toml_text(random: Random) -> str:
    """Settings as headquarters might send them, right, nearly right and not at all."""
    lines = []
    for key in random.sample(list(WHITELIST), random.randrange(4)):
        section, name = key.split(".")
        value = random.choice(("0.1", "1", "5", '"never"', "true", "inf", "nan", "-1", "1e400"))
        if random.random() < 0.2:
            value = toml_value(random)
        lines.append(
            f"[{section}]\n{name} = {value}\n" if random.random() < 0.8 else f"{key} = 1\n"
        )
    if random.random() < 0.2:
        lines.append(odd_text(random))
    return "".join(lines)


def toml_value(random: Random) -> str:
    """A value as TOML writes it, or as it does not."""
    kind = random.randrange(4)
    if kind == 0:
        return random.choice(
            ("1979-05-27T07:32:00Z", "1979-05-27", "07:32:00", "0xdeadbeef", "1_000", "[]", "{}")
        )
    if kind == 1:
        depth = random.choice((50, 2_000, 8_000))
        return "[" * depth + "]" * depth
    if kind == 2:
        return "9" * random.choice((20, 400, 5_000))
    value = odd_value(random)
    return json.dumps(value) if isinstance(value, str) else repr(value)
