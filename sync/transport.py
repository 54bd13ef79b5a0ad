"""MQTT 5 over TLS: the only door to paho-mqtt. Keeps the rules of `sync.seam`.

- Every connection is a TLS connection as `sync.tls` makes it; there is no way to ask for another.
- Each connection is a new paho client and a new TLS context: nothing of an old connection is sent
  again behind our back, memory is bounded by one connection, renewed certificate files are taken
  at the next connection.
- One thread of ours connects and runs paho's loop. `on_socket_register_write` is set so that paho
  writes from that thread only, whoever publishes.
- Receive Maximum is the inbound queue's size, so at QoS 1 the broker cannot overrun it; what comes
  at QoS 0 beside that is dropped when the queue is full.
- paho holds its own lock while it calls us, so ours is never held while we call paho.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from sync.errors import (
    CredentialError,
    NotConnectedError,
    PublishRefusedError,
    PublishTimeoutError,
    TransportClosedError,
)
from sync.seam import Backoff, Inbound, Will
from sync.tls import Broker, tls_context

_LOG = logging.getLogger("sync.transport")
_SLICE_S = 0.05  # how soon a wait notices `interrupt`, which must not take a lock
_JOIN_S = 1.0  # the connecting thread may sit in a connect; it is a daemon and dies with us
_MAX_PACKET_BYTES = 1024 * 1024 + 4096  # a payload as the contract bounds it, and its topic
_FAILURE = 128  # MQTT 5 reason codes from here on are failures


class _Connection:
    """One paho client's life: what it heard, guarded by the transport's condition."""

    def __init__(self, number: int, client: mqtt.Client) -> None:
        self.number = number
        self.client = client
        self.up = False
        self.over = False
        self.refused = False
        self.acks: dict[int, ReasonCode] = {}


class MqttTransport:
    """The real Transport. Raises CredentialError at once when a TLS file cannot be used.

    `failures` counts attempts in a row that came to nothing, `trouble` is why the last one did.
    """

    def __init__(
        self,
        broker: Broker,
        subscriptions: Sequence[str],
        random: Random,
        *,
        will: Callable[[], Will] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        tls_context(broker)
        self._broker = broker
        self._subscriptions = tuple(subscriptions)
        self._random = random
        self._will = will
        self._backoff = backoff or Backoff()
        self._changed = threading.Condition()
        self._inbox: deque[Inbound] = deque()
        self._current: _Connection | None = None
        self._count = 0
        self.failures = 0
        self.trouble = ""
        self._interrupted = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_connected, name="mqtt", daemon=True)

    @property
    def connection(self) -> int | None:
        """The present connection's number, None while there is none."""
        current = self._current
        return current.number if current is not None and current.up else None

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, timeout_s: float = 30.0
    ) -> None:
        """Return after the PUBACK; raises a TransportError that says what went wrong."""
        self.publish_all([(topic, payload, retain)], timeout_s=timeout_s)

    def publish_all(
        self, messages: Sequence[tuple[str, bytes, bool]], *, timeout_s: float = 30.0
    ) -> None:
        """Return after the last PUBACK; paho keeps to the broker's Receive Maximum."""
        current = self._current
        if self._interrupted or self._closing.is_set():
            raise TransportClosedError("the transport is closing")
        if current is None or not current.up:
            raise NotConnectedError("no connection to the broker")
        mids = []
        for topic, payload, retain in messages:
            info = current.client.publish(topic, payload, qos=1, retain=retain)
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise NotConnectedError(mqtt.error_string(info.rc))
            mids.append(info.mid)
        deadline = time.monotonic() + timeout_s
        reasons = [self._await_ack(current, mid, deadline) for mid in mids]
        for reason in reasons:
            if reason.value >= _FAILURE:
                raise PublishRefusedError(str(reason))

    def receive(self, timeout_s: float) -> Inbound | None:
        """The next message; None when none came in time."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._inbox:
                left = deadline - time.monotonic()
                if left <= 0 or self._interrupted:
                    return None
                self._changed.wait(min(left, _SLICE_S))
            return self._inbox.popleft()

    def acknowledge(self, message: Inbound) -> None:
        """Send the PUBACK, if the message's connection still lives."""
        current = self._current
        if message.token and current is not None and current.number == message.connection:
            current.client.ack(message.token, 1)

    def interrupt(self) -> None:
        """Let nothing wait any more (safe in a signal handler: it takes no lock)."""
        self._interrupted = True

    def close(self) -> None:
        """Disconnect politely and end the thread."""
        self._interrupted = True
        if self._closing.is_set():
            return
        self._closing.set()
        current = self._current
        if current is not None and not current.over:
            current.client.disconnect()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)
        if current is not None:
            _shut(current.client)

    def _await_ack(self, current: _Connection, mid: int, deadline: float) -> ReasonCode:
        with self._changed:
            while mid not in current.acks:
                if current.over:
                    raise NotConnectedError("the connection broke before the broker acknowledged")
                if self._interrupted:
                    raise TransportClosedError("the transport is closing")
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, _SLICE_S))
            else:
                return current.acks.pop(mid)
        _shut(current.client)  # perhaps half-open: a new connection tells
        raise PublishTimeoutError("no acknowledgement from the broker in time")

    def _keep_connected(self) -> None:
        failures = 0
        while not self._closing.is_set():
            error = self._connect_once()
            if self._closing.is_set():
                return
            was_up = error is None
            failures = 1 if was_up else failures + 1
            self.trouble = error or ""
            self.failures = 0 if was_up else failures
            pause_s = self._backoff.pause_s(failures, self._random)
            _LOG.warning(
                "broker_lost" if was_up else "broker_unreachable",
                extra={
                    "fields": {"reason": error or "disconnected", "again_in_s": round(pause_s, 2)}
                },
            )
            self._closing.wait(pause_s)

    def _connect_once(self) -> str | None:
        """Connect and stay until the connection ends; None if it was up, else why it was not."""
        reason: str | None = None
        connection: _Connection | None = None
        try:
            self._count += 1
            connection = self._make(self._count)
            with self._changed:
                self._inbox.clear()  # unacknowledged: the broker sends them again
                self._current = connection
            connection.client.connect(
                self._broker.host,
                self._broker.port,
                keepalive=self._broker.keepalive_s,
                clean_start=False,
                properties=self._connect_properties(),
            )
            while connection.client.loop(timeout=1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
                pass  # `loop`, not `loop_forever`: only it lets a publisher wake the thread
        except CredentialError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 (whatever a broker sends, paho included, we try again)
            reason = f"{type(error).__name__}: {error}"
        if connection is None:
            return reason or "no connection"
        was_up = connection.up
        with self._changed:
            connection.up = False
            connection.over = True
            self._changed.notify_all()
        _shut(connection.client)
        _release(connection.client)
        if was_up and not connection.refused:
            return None
        return reason or "the broker refused us"

    def _make(self, number: int) -> _Connection:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._broker.client_id,
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        connection = _Connection(number, client)
        client.connect_timeout = self._broker.connect_timeout_s
        client.tls_set_context(tls_context(self._broker))
        client.on_socket_register_write = _leave_it_to_the_loop
        if self._will is not None:
            will = self._will()
            client.will_set(will.topic, will.payload, qos=1, retain=True)

        def connected(
            _client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
        ) -> None:
            if self._closing.is_set():
                client.disconnect()
            elif reason.value >= _FAILURE:
                connection.refused = True
                _LOG.error("broker_refused", extra={"fields": {"reason": str(reason)}})
                client.disconnect()
            elif self._subscriptions:
                options = SubscribeOptions(qos=1)
                client.subscribe([(name, options) for name in self._subscriptions])
            else:
                self._mark_up(connection)

        def subscribed(
            _client: mqtt.Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
        ) -> None:
            for name, reason in zip(self._subscriptions, reasons, strict=False):
                if reason.value >= _FAILURE:
                    fields = {"topic": name, "reason": str(reason)}
                    _LOG.error("subscription_refused", extra={"fields": fields})
            self._mark_up(connection)

        def published(
            _client: mqtt.Client, _data: Any, mid: int, reason: ReasonCode, _properties: Any
        ) -> None:
            with self._changed:
                connection.acks[mid] = reason
                self._changed.notify_all()

        def arrived(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
            self._enqueue(connection, message)

        client.on_connect = connected
        client.on_subscribe = subscribed
        client.on_publish = published
        client.on_message = arrived
        return connection

    def _mark_up(self, connection: _Connection) -> None:
        with self._changed:
            connection.up = True
            self._changed.notify_all()
        _LOG.info("broker_connected", extra={"fields": {"connection": connection.number}})

    def _enqueue(self, connection: _Connection, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # no topic of ours: the reader refuses and acknowledges it
        inbound = Inbound(
            topic=topic,
            payload=bytes(message.payload),
            retained=message.retain,
            connection=connection.number,
            token=message.mid if message.qos == 1 else 0,
        )
        with self._changed:
            if len(self._inbox) >= 2 * self._broker.inbound_limit and not inbound.token:
                return
            self._inbox.append(inbound)
            self._changed.notify_all()

    def _connect_properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has none
        properties.SessionExpiryInterval = self._broker.session_expiry_s
        properties.ReceiveMaximum = self._broker.inbound_limit
        properties.MaximumPacketSize = _MAX_PACKET_BYTES
        return properties


def _leave_it_to_the_loop(_client: mqtt.Client, _data: Any, _socket: Any) -> None:
    """Its being set keeps paho from writing in the publisher's thread."""


def _release(client: mqtt.Client) -> None:
    """Untie a client that is over from us: it closes its wake-up sockets when nobody holds it.

    Tied in a circle it would be the garbage collector that drops them, whenever and unclosed.
    """
    client.on_connect = client.on_subscribe = client.on_publish = client.on_message = None


def _shut(client: mqtt.Client) -> None:
    """Break the connection under paho, which then notices; a half-open one cannot hold us."""
    opened = client.socket()
    if isinstance(opened, socket.socket):
        with contextlib.suppress(OSError, ValueError):
            opened.shutdown(socket.SHUT_RDWR)
