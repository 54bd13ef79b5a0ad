"""The same broker twice: in memory and as a real mosquitto, for one suite that holds both to it."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Protocol

from morning.broker import Broker as Mosquitto
from morning.pki import Authority, Credentials
from sync.contract.topics import Channel, topic
from sync.seam import Backoff, Inbound, Transport, Will
from sync.tls import Broker
from sync.transport import MqttTransport
from sync.transport_memory import MemoryBroker, MemoryTransport
from tests.sync.made import GATE_A, until

PATIENCE_S = 20.0
_MQTT_5_CONNECT = bytes.fromhex("100d00044d5154540502003c000000")


class Net(Protocol):
    """A broker with clients `gate-a` (a terminal) and `hq`."""

    def client(
        self,
        name: str,
        subscriptions: Sequence[str] = (),
        *,
        will: Callable[[], Will] | None = None,
        inbound_limit: int = 64,
    ) -> Transport: ...

    def stop(self) -> None: ...

    def start(self) -> None: ...

    def vanish(self, client: Transport) -> None: ...

    def settle(self, client: Transport) -> None: ...


class MemoryNet:
    """The stand-in."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.broker.allowed = lambda client, name: (
            client == "hq" or name == topic(GATE_A, Channel.EVENTS) or name.endswith("/status")
        )

    def client(
        self,
        name: str,
        subscriptions: Sequence[str] = (),
        *,
        will: Callable[[], Will] | None = None,
        inbound_limit: int = 64,
    ) -> Transport:
        return MemoryTransport(
            self.broker, name, subscriptions, will=will, inbound_limit=inbound_limit
        )

    def stop(self) -> None:
        self.broker.stop()

    def start(self) -> None:
        self.broker.start()

    def vanish(self, client: Transport) -> None:
        assert isinstance(client, MemoryTransport)
        client.vanish()

    def settle(self, client: Transport) -> None:
        assert client.connection is not None


class MosquittoNet:
    """The real thing."""

    def __init__(self, broker: Mosquitto, authority: Authority) -> None:
        self.broker = broker
        self._credentials = {
            "gate-a": authority.client("plant-1/gate-a", datetime.now(UTC)),
            "hq": authority.client("hq", datetime.now(UTC)),
        }
        self._clients: list[MqttTransport] = []

    def client(
        self,
        name: str,
        subscriptions: Sequence[str] = (),
        *,
        will: Callable[[], Will] | None = None,
        inbound_limit: int = 64,
    ) -> Transport:
        made = MqttTransport(
            settings(self.broker.port, self._credentials[name], name, inbound_limit),
            subscriptions,
            Random(1),
            will=will,
            backoff=Backoff(0.05, 0.2),
        )
        self._clients.append(made)
        return made

    def stop(self) -> None:
        self.broker.stop()

    def start(self) -> None:
        self.broker.start()

    def vanish(self, client: Transport) -> None:
        assert isinstance(client, MqttTransport)
        client._closing.set()  # it must not come back
        current = client._current
        opened = current.client.socket() if current is not None else None
        assert isinstance(opened, socket.socket)
        with contextlib.suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)

    def settle(self, client: Transport) -> None:
        until(lambda: client.connection is not None, "connected")

    def close(self) -> None:
        for client in self._clients:
            client.close()


def settings(port: int, tls: Credentials, client_id: str, inbound_limit: int = 64) -> Broker:
    return Broker(
        host="127.0.0.1",
        port=port,
        ca=tls.ca,
        certificate=tls.certificate,
        key=tls.key,
        client_id=client_id,
        session_expiry_s=600,
        inbound_limit=inbound_limit,
    )


def next_message(client: Transport, within_s: float = PATIENCE_S) -> Inbound:
    """The next message, waited for with a bound."""
    found: list[Inbound] = []

    def came() -> bool:
        message = client.receive(0.05)
        if message is not None:
            found.append(message)
        return bool(found)

    until(came, "a message", within_s)
    return found[0]


class Clients:
    """Transports that are closed at the end of the test."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.made: list[MqttTransport] = []

    def connect(self, tls: Credentials, client_id: str, *subscriptions: str) -> MqttTransport:
        client = self.start(tls, client_id, *subscriptions)
        until(lambda: client.connection is not None, "connected")
        return client

    def start(self, tls: Credentials, client_id: str, *subscriptions: str) -> MqttTransport:
        client = MqttTransport(
            settings(self._port, tls, client_id),
            subscriptions,
            Random(1),
            backoff=Backoff(0.1, 0.2),
        )
        client.start()
        self.made.append(client)
        return client


def answer_to(port: int, context: ssl.SSLContext | None) -> bytes:
    """What comes back for an MQTT CONNECT; empty when the connection is ended."""
    with contextlib.ExitStack() as stack:
        line: socket.socket = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
        try:
            if context is not None:
                line = stack.enter_context(context.wrap_socket(line, server_hostname="localhost"))
            line.sendall(_MQTT_5_CONNECT)
            return line.recv(100)
        except OSError:
            return b""
