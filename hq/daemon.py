"""The composition of `kiosk-hq run`: one worker.

Messages are acknowledged after their round is committed and answered. While the database is in
trouble the round is kept and tried again after a pause with jitter; meanwhile the broker holds the
rest back. Answers that cannot be published are not kept: a terminal without a receipt sends again,
and is answered again. `Stop.requested` is a plain flag that a signal handler may set.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from hq.commands import Outgoing
from hq.database import Database
from hq.errors import DatabaseTroubleError
from hq.intake import ReplayPolicy
from hq.join_desk import JoinDesk
from hq.joining import Authority
from hq.keys import load_key
from hq.receiver import Receiver
from hq.revocation import RevocationWatch
from hq.settings import AuthoritySection, Settings
from sync.contract.joining import every_request, is_joining
from sync.contract.topics import Channel, every
from sync.errors import TransportError
from sync.seam import Backoff, Inbound, Transport
from sync.stopping import Stop
from sync.tls import Broker
from sync.transport import MqttTransport

_LOG = logging.getLogger("hq.daemon")
_HEARD = (Channel.EVENTS, Channel.STATUS, Channel.REPLY)
_ROUND = 50  # messages a transaction
_WAIT_S = 0.1
_REPLAYS_EVERY_S = 1.0
_PUBLISH_TIMEOUT_S = 20.0
_TROUBLE = Backoff(first_s=0.2, most_s=15.0)


def run(settings: Settings, url: str, stop: Stop, random: Random) -> None:
    """Receive until `stop` is requested. Raises HqError or SyncError that no waiting can mend."""
    key = load_key(settings.hq.signing_key)
    policy = ReplayPolicy(
        grace_s=settings.hq.gap_grace_s,
        every_s=settings.hq.replay_every_s,
        most_s=settings.hq.replay_most_s,
        expiry_s=settings.hq.command_expiry_s,
    )
    with ExitStack() as stack:
        database = Database(url)
        stack.callback(database.close)
        if not _patiently(stop, random, database.upgrade):
            return
        desk = JoinDesk(database, key, authority_of(settings.authority))
        watch = RevocationWatch(database, settings.authority.revoked)
        heard = [every(channel, settings.hq.group) for channel in _HEARD]
        transport = MqttTransport(
            broker_of(settings),
            [*heard, every_request(settings.hq.group)],
            random,
            backoff=Backoff(settings.mqtt.reconnect_first_s, settings.mqtt.reconnect_most_s),
        )
        stack.callback(transport.close)
        stop.on_request = transport.interrupt
        transport.start()
        _LOG.info("started", extra={"fields": {"client": settings.mqtt.client_id}})
        work(Receiver(database, key, policy), desk, watch, transport, stop, random)
        _LOG.info("stopped")


def work(
    receiver: Receiver,
    desk: JoinDesk,
    watch: RevocationWatch,
    transport: Transport,
    stop: Stop,
    random: Random,
) -> None:
    """Rounds of receiving, storing and answering, until `stop` is requested."""
    replays_at_s = time.monotonic()
    while not stop.requested:
        messages = _gather(transport)
        if messages:
            _patiently(stop, random, partial(_round, receiver, desk, transport, messages))
        if time.monotonic() >= replays_at_s:
            _patiently(stop, random, partial(_ask, receiver, transport))
            _patiently(stop, random, partial(watch.look, datetime.now(UTC)))
            replays_at_s = time.monotonic() + _REPLAYS_EVERY_S


def broker_of(settings: Settings) -> Broker:
    """The transport's view of the settings."""
    return Broker(
        host=settings.mqtt.host,
        port=settings.mqtt.port,
        ca=settings.mqtt.ca,
        certificate=settings.mqtt.certificate,
        key=settings.mqtt.key,
        client_id=f"kiosk-hq/{settings.mqtt.client_id}",
        keepalive_s=settings.mqtt.keepalive_s,
        session_expiry_s=settings.mqtt.session_expiry_s,
        inbound_limit=2 * _ROUND,
    )


def _gather(transport: Transport) -> list[Inbound]:
    message = transport.receive(_WAIT_S)
    messages: list[Inbound] = []
    while message is not None:
        messages.append(message)
        message = transport.receive(0.0) if len(messages) < _ROUND else None
    return messages


def authority_of(section: AuthoritySection) -> Authority | None:
    """The CA that signs for who joins; None where an operator does."""
    if section.ca is None or section.ca_key is None:
        return None
    return Authority(section.ca, section.ca_key, timedelta(days=section.valid_for_days))


def _round(
    receiver: Receiver, desk: JoinDesk, transport: Transport, messages: Sequence[Inbound]
) -> None:
    joining = [message for message in messages if is_joining(message.topic)]
    others = [message for message in messages if not is_joining(message.topic)]
    now = datetime.now(UTC)
    if others:
        _answer(transport, receiver.take(others, now))
    if joining:
        _answer(transport, desk.take(joining, now))
    for message in messages:
        transport.acknowledge(message)


def _ask(receiver: Receiver, transport: Transport) -> None:
    now = datetime.now(UTC)
    receiver.repeat_withdrawals(now)
    receiver.share(now)
    _answer(transport, [*receiver.due_replays(now), *receiver.due_commands(now)])


def _answer(transport: Transport, answers: Sequence[Outgoing]) -> None:
    if not answers:
        return
    messages = [(answer.topic, answer.payload, answer.retain) for answer in answers]
    try:
        transport.publish_all(messages, timeout_s=_PUBLISH_TIMEOUT_S)
    except TransportError as error:
        fields = {"reason": type(error).__name__, "answers": len(answers)}
        _LOG.warning("answers_not_sent", extra={"fields": fields})


def _patiently(stop: Stop, random: Random, action: Callable[[], None]) -> bool:
    """Try until the database does it; False when stopped before that."""
    failures = 0
    while not stop.requested:
        try:
            action()
        except DatabaseTroubleError as error:
            failures += 1
            pause_s = _TROUBLE.pause_s(failures, random)
            fields = {"detail": str(error), "again_in_s": round(pause_s, 2)}
            _LOG.error("database_trouble", extra={"fields": fields})
            deadline = time.monotonic() + pause_s
            while not stop.requested and time.monotonic() < deadline:
                time.sleep(0.05)
        else:
            return True
    return False
