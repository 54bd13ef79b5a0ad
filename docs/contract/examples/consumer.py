#!/usr/bin/env python3
"""A second consumer of Kiosk's events, beside headquarters: verifies everything, counts each once.

    consumer.py --host HOST --ca ca.pem --cert watch.pem --key watch.key --terminals KEYS --db FILE

KEYS/SITE/TERMINAL.pub is each terminal's public key, got from whoever enrolled it. Prints punches,
and corrections of their time, as JSON lines; alarms go to stderr and into the table `alarms`.

- Records, the head of their terminal and what counts are one transaction; then comes the PUBACK.
  Kill it at any time and start it again.
- What is beyond a gap waits in `records` and counts when the head reaches it, an `id` once.
- The table `counted` has each record once; its printed line comes again after a crash, same `n`.

Needs Python 3.11, paho-mqtt 2, cryptography and rfc8785. ../README.md explains every step.
"""

import argparse
import base64
import hashlib
import json
import re
import sqlite3
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

TOPIC = re.compile(r"kiosk/v1/([a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9-]{0,62})/events")
MAX_PAYLOAD = 1024 * 1024  # bytes; the contract's limit
KINDS = ("punch", "time_correction")  # what counts here; all others are passed over
WRONG = (ValueError, KeyError, TypeError, RecursionError, InvalidSignature)
TABLES = """
CREATE TABLE IF NOT EXISTS heads (terminal TEXT PRIMARY KEY, seq INTEGER, hash TEXT);
CREATE TABLE IF NOT EXISTS records (terminal TEXT, seq INTEGER, hash TEXT, previous TEXT, kind TEXT,
    data TEXT, done INTEGER DEFAULT 0, PRIMARY KEY (terminal, seq));
CREATE TABLE IF NOT EXISTS counted (n INTEGER PRIMARY KEY, terminal TEXT, id TEXT, line TEXT,
    printed INTEGER DEFAULT 0, UNIQUE (terminal, id));
CREATE TABLE IF NOT EXISTS alarms (terminal TEXT, what TEXT, seq INTEGER, detail TEXT,
    count INTEGER DEFAULT 1, PRIMARY KEY (terminal, what, seq));
"""


def strict_json(raw: bytes) -> Any:
    """Parse UTF-8 JSON; ValueError for a key that stands twice, NaN, or too much."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    if len(raw) > MAX_PAYLOAD:
        raise ValueError("too long")
    # NaN and Infinity: int() raises ValueError
    return json.loads(raw.decode(), object_pairs_hook=once, parse_constant=int)


def check(name: str, key: Ed25519PublicKey, event: Any) -> dict[str, Any]:
    """The signed data of an event; raises one of WRONG."""
    data, previous = event["data"], bytes.fromhex(event["previoushash"])
    if [type(data[field]) for field in ("id", "kind", "time", "body")] != [str, str, dict, dict]:
        raise ValueError("it is no record")
    if type(data["seq"]) is not int or not 0 < data["seq"] < 2**53:
        raise ValueError("its number is none")
    if (event["source"], f"{data['site']}/{data['terminal']}") != (f"/kiosk/v1/{name}", name):
        raise ValueError("it speaks of another terminal than its topic")
    inside = ("1.0", str(data["seq"]), data["id"])
    kind = re.fullmatch(r"kiosk\.(.*)\.v1", event["type"])  # None: of a later version
    if (event["specversion"], event["sequence"], event["id"]) != inside or (
        kind and kind[1] != data["kind"]
    ):
        raise ValueError("the envelope says something else than the signed data")
    digest = hashlib.sha256(previous + rfc8785.dumps(data)).digest()
    if (previous.hex(), digest.hex()) != (event["previoushash"], event["hash"]):
        raise ValueError("its hash does not hold")
    signature = base64.b64decode(event["signature"], validate=True)
    key.verify(signature, b"kiosk-record-v1\0" + digest)
    return dict(data)


class Consumer:
    """What is kept, in one SQLite file."""

    def __init__(self, file: str, keys: Path) -> None:
        self.db = sqlite3.connect(file)
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.executescript(TABLES)
        self.keys = keys

    def take(self, topic: str, raw: bytes) -> None:
        """Take a batch in. After it returns the message may be acknowledged."""
        if (found := TOPIC.fullmatch(topic)) is None:
            return
        with self.db:  # commits, or rolls back and raises
            self.take_batch(found[1], raw)
        self.print_lines()

    def take_batch(self, name: str, raw: bytes) -> None:
        """Verify and keep each event, then move the terminal's head as far as it goes."""
        if not (file := self.keys / f"{name}.pub").exists():
            return self.alarm(name, "unknown", 0, "its public key is not here")
        key = load_pem_public_key(file.read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            raise SystemExit(f"{file} is no Ed25519 public key")
        try:
            events = list(strict_json(raw))
        except WRONG as error:
            return self.alarm(name, "refused", 0, f"a batch: {type(error).__name__}: {error}")
        for event in events:
            try:
                data = check(name, key, event)
            except WRONG as error:
                self.alarm(name, "refused", 0, f"a record: {type(error).__name__}: {error}")
                continue
            if not self.keep(name, event, data):
                break  # what comes behind a fork belongs to the other history
        return self.advance(name)

    def keep(self, name: str, event: dict[str, Any], data: dict[str, Any]) -> bool:
        """Store a verified record if it is new; False when it is a fork."""
        seq, hash_, (head, head_hash) = data["seq"], event["hash"], self.head(name)
        follows = event["previoushash"] == head_hash or data["kind"] == "resumption"
        if self.hash_of(name, seq) not in (None, hash_) or (seq == head + 1 and not follows):
            return self.fork(name, seq, hash_)
        row = (name, seq, hash_, event["previoushash"], data["kind"], json.dumps(data))
        self.db.execute("INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?, 0)", row)
        return True

    def advance(self, name: str) -> None:
        """Move the head from record to record and over what will not come; count what it covers."""
        while (head := self.next_head(name)) is not None:
            self.db.execute("REPLACE INTO heads VALUES (?, ?, ?)", (name, *head))
        seq, _ = self.head(name)
        query = (
            "SELECT seq, data FROM records WHERE terminal=? AND seq<=? AND NOT done ORDER BY seq"
        )
        for number, data in self.db.execute(query, (name, seq)).fetchall():
            self.count(name, json.loads(data))
            self.db.execute("UPDATE records SET done=1 WHERE terminal=? AND seq=?", (name, number))
        if self.db.execute(
            "SELECT 1 FROM records WHERE terminal=? AND seq>?", (name, seq)
        ).fetchone():
            command = f"commands send {name} replay --arguments '{{\"from_seq\": {seq + 1}}}'"
            self.alarm(name, "gap", seq + 1, f"waiting for it; `kiosk-hq {command}` sends it again")

    def next_head(self, name: str) -> tuple[int, str] | None:
        """The head after this one, by what is stored; None while it has to wait."""
        seq, hash_ = self.head(name)
        query = "SELECT previous, hash FROM records WHERE terminal=? AND seq=?"
        row = self.db.execute(query, (name, seq + 1)).fetchone()
        if row is not None and row[0] == hash_:
            return seq + 1, row[1]
        if jumps := sorted(self.jumps(name, seq)):
            target, target_hash, why = jumps[0]
            self.alarm(name, "skipped", seq + 1, f"the head goes on at {target}: {why}")
            return target, target_hash
        if row is not None:  # it waited, and with what waits behind it is of another history
            self.drop(name, seq + 1, row[1])
        return None

    def jumps(self, name: str, head: int) -> Iterator[tuple[int, str, str]]:
        """Where waiting resumptions and checkpoints let the head go on: number, hash, reason."""
        query = "SELECT * FROM records WHERE terminal=? AND seq>? AND kind IN (?, ?)"
        kinds = ("resumption", "checkpoint")
        rows = self.db.execute(query, (name, head, *kinds)).fetchall()
        for _, seq, hash_, previous, kind, data, _ in rows:
            match kind, json.loads(data)["body"]:
                case "resumption", {"held_seq": int(held), "after_seq": int(after), **body}:
                    if held <= head and body.get("after_hash") == previous:
                        if self.hash_of(name, after) in (None, previous):
                            yield seq, hash_, f"resumption: {body.get('reason')}"
                        else:
                            self.drop(name, seq, hash_)
                case "checkpoint", {"seq": int(pruned), "hash": str(pruned_hash)}:
                    if head < pruned < seq and self.hash_of(name, pruned) in (None, pruned_hash):
                        yield pruned, pruned_hash, "pruned; headquarters has what is missing"

    def count(self, name: str, data: dict[str, Any]) -> None:
        """Do what a record is there for, an id once. Put your own work here: same transaction."""
        if data["kind"] in KINDS:
            line = {key: data[key] for key in ("seq", "id", "kind", "time", "body")}
            row = (name, data["id"], json.dumps({"terminal": name, **line}))
            self.db.execute(
                "INSERT OR IGNORE INTO counted (terminal, id, line) VALUES (?,?,?)", row
            )

    def head(self, name: str) -> tuple[int, str]:
        """Number and hash of the highest record that counts."""
        row = self.db.execute("SELECT seq, hash FROM heads WHERE terminal=?", (name,)).fetchone()
        return (row[0], row[1]) if row else (0, "00" * 32)

    def hash_of(self, name: str, seq: int) -> str | None:
        """The hash of a record that is known, or of a head whose record never came."""
        query = "SELECT hash FROM records WHERE terminal=? AND seq=?"
        row = self.db.execute(query, (name, seq)).fetchone()
        head = self.head(name)
        return str(row[0]) if row else head[1] if head[0] == seq else None

    def fork(self, name: str, seq: int, hash_: str) -> bool:
        """Two histories signed by one terminal: the gravest alarm. Nothing is overwritten."""
        self.alarm(name, "fork", seq, f"another record of this number has the hash {hash_}")
        return False

    def drop(self, name: str, seq: int, hash_: str) -> None:
        """A waiting record turned out to be a fork; it goes, with all that waits behind it."""
        self.fork(name, seq, hash_)
        self.db.execute("DELETE FROM records WHERE terminal=? AND seq>=?", (name, seq))

    def alarm(self, name: str, what: str, seq: int, detail: str) -> None:
        """Keep an alarm, and print it the first time."""
        found = self.db.execute(
            "INSERT INTO alarms (terminal, what, seq, detail) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count",
            (name, what, seq, detail[:300]),
        ).fetchone()
        if found == (1,):
            print(f"{what} {name} {seq}: {detail[:300]}", file=sys.stderr, flush=True)

    def print_lines(self) -> None:
        """Print what is committed and not yet printed."""
        rows = self.db.execute("SELECT n, line FROM counted WHERE NOT printed").fetchall()
        for n, line in rows:
            print(json.dumps({"n": n, **json.loads(line)}), flush=True)
        with self.db:
            self.db.executemany("UPDATE counted SET printed=1 WHERE n=?", [row[:1] for row in rows])


def main() -> None:
    """Connect, and take messages until killed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for option in ("host", "ca", "cert", "key", "terminals", "db"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--port", type=int, default=8883)
    parser.add_argument("--client-id", default="consumer", help="each consumer has its own")
    given = parser.parse_args()
    consumer = Consumer(given.db, Path(given.terminals))
    consumer.print_lines()

    def on_connect(client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _rest: Any) -> None:
        print(f"connection: {reason}", file=sys.stderr, flush=True)
        client.subscribe("kiosk/v1/+/+/events", qos=1)

    def on_subscribe(_client: mqtt.Client, _data: Any, _id: int, reasons: Any, _rest: Any) -> None:
        print(f"subscription: {reasons[0]}", file=sys.stderr, flush=True)

    def on_connect_fail(_client: mqtt.Client, _data: Any) -> None:
        print(f"no connection, trying again: {sys.exception()}", file=sys.stderr, flush=True)

    def on_message(client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        consumer.take(
            message.topic, bytes(message.payload)
        )  # what it raises ends us, unacknowledged
        client.ack(message.mid, message.qos)

    version = CallbackAPIVersion.VERSION2
    client = mqtt.Client(version, given.client_id, protocol=mqtt.MQTTv5, manual_ack=True)
    tls = ssl.create_default_context(cafile=given.ca)  # TLS 1.2 or newer; the host name is checked
    tls.load_cert_chain(given.cert, given.key)
    client.tls_set_context(tls)
    client.on_connect, client.on_connect_fail = on_connect, on_connect_fail
    client.on_subscribe, client.on_message = on_subscribe, on_message
    session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has none
    session.SessionExpiryInterval = 7 * 24 * 3600  # the broker keeps what comes while we are away
    session.ReceiveMaximum = 20
    client.connect_async(given.host, given.port, 30, clean_start=False, properties=session)
    client.loop_forever(retry_first_connection=True)


if __name__ == "__main__":
    main()
