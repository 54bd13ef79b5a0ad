"""The examples of the guide as processes beside a plant, and a terminal that the test plays."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from morning.pki import Authority
from store.canonical import canonical
from store.chain import record_hash, sign_record
from store.keys import load_signing_key
from store.records import Record
from sync.contract.events import build_batch
from sync.contract.topics import Channel, topic
from sync.transport import MqttTransport
from tests.hq.plant import ADDRESS, Plant
from tests.sync.made import until
from tests.sync.nets import settings

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "contract" / "examples"


class Guest:
    """Somebody with a certificate named `watch`, in a folder of its own."""

    def __init__(self, plant: Plant, authority: Authority) -> None:
        self.folder = plant.folder / "guest"
        (self.folder / "keys" / ADDRESS.site).mkdir(parents=True)
        public = (plant.folder / "keys" / "signing.pub").read_bytes()
        (self.folder / "keys" / ADDRESS.site / f"{ADDRESS.terminal}.pub").write_bytes(public)
        self._tls = authority.client("watch", datetime.now(UTC))
        self._port = str(plant.broker.port)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start_consumer(self) -> subprocess.Popen[bytes]:
        """consumer.py; returns when the broker has its subscription."""
        tls = self._tls
        before = self.errors().count("subscription: Granted QoS 1")
        words = [sys.executable, str(EXAMPLES / "consumer.py"), "--host", "localhost"]
        words += ["--port", self._port, "--ca", str(tls.ca), "--cert", str(tls.certificate)]
        words += ["--key", str(tls.key), "--terminals", str(self.folder / "keys")]
        process = self._start([*words, "--db", str(self.folder / "consumer.db")], "consumer")
        until(lambda: self.errors().count("subscription: Granted QoS 1") > before, "subscribed")
        return process

    def start_script(self) -> None:
        """punches.sh."""
        tls = self._tls
        files = [str(tls.ca), str(tls.certificate), str(tls.key)]
        self._start([str(EXAMPLES / "punches.sh"), "localhost", self._port, *files], "script")

    def lines(self, name: str = "consumer") -> list[dict[str, Any]]:
        """What was printed so far."""
        text = (self.folder / f"{name}.out").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines(keepends=True) if line[-1:] == "\n"]

    def errors(self) -> str:
        """What the consumer said on stderr."""
        file = self.folder / "consumer.err"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def kept(self, query: str) -> list[Any]:
        """Rows of the consumer's database."""
        database = sqlite3.connect(self.folder / "consumer.db")
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def close(self) -> None:
        """End what runs, the script's children too."""
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(self, words: list[str], name: str) -> subprocess.Popen[bytes]:
        with (
            (self.folder / f"{name}.out").open("ab") as out,
            (self.folder / f"{name}.err").open("ab") as errors,
        ):
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )
        self._processes.append(process)
        return process


class Line:
    """The terminal's certificate on the wire, and its key: it publishes what the test says."""

    def __init__(self, plant: Plant) -> None:
        self._key = load_signing_key(plant.folder / "keys")
        broker = settings(plant.broker.port, plant.terminal_tls, "gate-a")
        self._transport = MqttTransport(broker, (), Random(1))
        self._transport.start()
        until(lambda: self._transport.connection is not None, "connected")

    def send(self, records: Sequence[Record]) -> None:
        self.send_raw(build_batch(records)[0])

    def send_raw(self, payload: bytes) -> None:
        self._transport.publish(topic(ADDRESS, Channel.EVENTS), payload)

    def signed(self, like: Record, after: Record, **changed: object) -> Record:
        """A record like another with other contents, behind `after`."""
        content = json.loads(like.payload) | {"seq": after.seq + 1} | changed
        payload = canonical(content)
        hash_ = record_hash(after.hash, payload)
        signature = sign_record(self._key, hash_)
        kind = content["kind"]
        return Record(after.seq + 1, content["id"], kind, payload, after.hash, hash_, signature)

    def close(self) -> None:
        self._transport.close()
