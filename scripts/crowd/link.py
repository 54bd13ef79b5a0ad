"""Many MQTT connections in one process: one thread and one epoll drive every paho client.

`sync.transport` has a thread a connection and paho's `select`, which ends at 1,024 files; a
simulated terminal needs neither. A `Link` is the same seam (`sync.seam.Transport`) over the same
TLS. It does not come back after a break: a run in which a connection breaks is no measurement.
"""

from __future__ import annotations

import os
import select
import ssl
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from sync.errors import NotConnectedError, PublishRefusedError, PublishTimeoutError
from sync.seam import Inbound, Will
from sync.tls import Broker, tls_context

_MISC_EVERY_S = 5.0  # paho's keep-alive is looked after this often
_FAILURE = 128


class Loop:
    """Reads and writes for every link, in a thread of its own."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._links: dict[int, Link] = {}
        self._bell = os.eventfd(0, os.EFD_NONBLOCK)
        self._epoll.register(self._bell, select.EPOLLIN)
        self._rung: deque[Link] = deque()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loop", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def watch(self, link: Link, fd: int) -> None:
        """Drive this link's socket."""
        self._links[fd] = link
        self._epoll.register(fd, select.EPOLLIN)
        self.ring(link)

    def ring(self, link: Link) -> None:
        """The link has something to write; from any thread.

        paho's own flag for this is not safe between threads: a packet queued while the loop clears
        it would stay.
        """
        self._rung.append(link)
        os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join()
        self._epoll.close()
        os.close(self._bell)

    def _run(self) -> None:
        misc_at_s = time.monotonic()
        while not self._over.is_set():
            for fd, _ in self._epoll.poll(0.2):
                if fd == self._bell:
                    os.eventfd_read(self._bell)
                    continue
                link = self._links[fd]
                link.read()
                if link.broken:  # paho has closed its socket, and with it left the epoll
                    del self._links[fd]
            while self._rung:
                self._rung.popleft().write()
            if time.monotonic() >= misc_at_s:
                for link in list(self._links.values()):
                    link.client.loop_misc()
                    link.write()  # a ping, when one was due
                misc_at_s = time.monotonic() + _MISC_EVERY_S


class Link:
    """One terminal's connection; used from one thread, driven by the loop's."""

    def __init__(self, broker: Broker, subscriptions: list[str], will: Will) -> None:
        self.broken = False
        self._subscriptions = subscriptions
        self._broker = broker
        self._up = False
        self._woken = False
        self._changed = threading.Condition()
        self._inbox: deque[Inbound] = deque()
        self._acks: dict[int, ReasonCode] = {}
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self.client.tls_set_context(tls_context(broker))
        self.client.will_set(will.topic, will.payload, qos=1, retain=True)
        self.client.on_connect = self._connected
        self.client.on_subscribe = self._subscribed
        self.client.on_publish = self._published
        self.client.on_message = self._arrived

    def open(self, loop: Loop) -> None:
        """Connect (the handshake is done here) and let the loop go on."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has none
        properties.SessionExpiryInterval = self._broker.session_expiry_s
        properties.ReceiveMaximum = self._broker.inbound_limit

        self._loop = loop
        self.client.on_socket_register_write = _leave_it_to_the_loop
        self.client.connect(
            self._broker.host,
            self._broker.port,
            keepalive=self._broker.keepalive_s,
            clean_start=False,
            properties=properties,
        )
        opened = self.client.socket()
        if not isinstance(opened, ssl.SSLSocket):
            raise NotConnectedError("no TLS connection")
        loop.watch(self, opened.fileno())

    @property
    def connection(self) -> int | None:
        """1 while connected and subscribed."""
        return 1 if self._up and not self.broken else None

    def write(self) -> None:
        """The loop's part: write what waits; what the socket does not take, in the next turn."""
        self._note(self.client.loop_write())
        if self.client.want_write() and not self.broken:
            self._loop.ring(self)

    def read(self) -> None:
        """The loop's part: read what there is, and write what paho answers by itself."""
        rc, sock = MQTTErrorCode.MQTT_ERR_SUCCESS, self.client.socket()
        while rc == MQTTErrorCode.MQTT_ERR_SUCCESS and isinstance(sock, ssl.SSLSocket):
            rc = self.client.loop_read()
            if not sock.pending():
                break
        self._note(rc)
        if self.client.want_write():
            self.write()

    def _note(self, rc: MQTTErrorCode) -> None:
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or self.client.socket() is None:
            with self._changed:
                self.broken = True
                self._changed.notify_all()

    def wake(self) -> None:
        """Let `receive` return: there is something to do."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def start(self) -> None:
        """Nothing: `open` has connected."""

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, timeout_s: float = 30.0
    ) -> None:
        """Return after the PUBACK; raises a TransportError."""
        info = self.client.publish(topic, payload, qos=1, retain=retain)
        self._loop.ring(self)
        with self._changed:
            self._changed.wait_for(lambda: info.mid in self._acks or self.broken, timeout_s)
            reason = self._acks.pop(info.mid, None)
        if self.broken:
            raise NotConnectedError("the connection broke")
        if reason is None:
            raise PublishTimeoutError("no acknowledgement from the broker in time")
        if reason.value >= _FAILURE:
            raise PublishRefusedError(str(reason))

    def publish_all(
        self, messages: Sequence[tuple[str, bytes, bool]], *, timeout_s: float = 30.0
    ) -> None:
        """One after the other: a terminal's courier never has many at once."""
        for topic, payload, retain in messages:
            self.publish(topic, payload, retain=retain, timeout_s=timeout_s)

    def receive(self, timeout_s: float) -> Inbound | None:
        """The next message; None when none came in time or `wake` was called."""
        with self._changed:
            if timeout_s > 0:
                self._changed.wait_for(lambda: self._inbox or self._woken, timeout_s)
                self._woken = False
            return self._inbox.popleft() if self._inbox else None

    def acknowledge(self, message: Inbound) -> None:
        """Send the PUBACK."""
        self.client.ack(message.token, 1)
        self._loop.ring(self)

    def interrupt(self) -> None:
        """Let nothing wait."""
        self.wake()

    def close(self) -> None:
        """Disconnect politely."""
        self.client.disconnect()
        self._loop.ring(self)

    def _connected(
        self, client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.value >= _FAILURE:
            self.broken = True
            return
        options = SubscribeOptions(qos=1)
        client.subscribe([(name, options) for name in self._subscriptions])

    def _subscribed(self, *_: object) -> None:
        with self._changed:
            self._up = True
            self._changed.notify_all()

    def _published(
        self, _client: mqtt.Client, _data: Any, mid: int, reason: ReasonCode, _properties: Any
    ) -> None:
        with self._changed:
            self._acks[mid] = reason
            self._changed.notify_all()

    def _arrived(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        inbound = Inbound(message.topic, bytes(message.payload), message.retain, 1, message.mid)
        with self._changed:
            self._inbox.append(inbound)
            self._changed.notify_all()


def _leave_it_to_the_loop(_client: mqtt.Client, _data: Any, _socket: Any) -> None:
    """Its being set keeps paho from writing in the publisher's thread."""
