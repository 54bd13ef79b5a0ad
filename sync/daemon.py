"""The composition of `kiosk-sync run`: builds the real parts and keeps the courier going.

- Everything runs in the caller's thread but the transport's connecting; the database connection is
  opened and used here.
- No ledger yet: wait for kiosk to make it, saying so once. A ledger that cannot be used (wrong
  key, newer schema) ends the process; trouble that may pass (busy, disk, or a damaged file, which
  kiosk's next start replaces) is logged and tried again after a pause with jitter, with a new
  connection to the database.
- A renewed certificate is taken up by a new connection, with a new `_carry`.
- The watchdog hears of the courier's steps and of attempts at the database, not of passing time.
- `Stop.requested` is a plain flag, so a signal handler may set it at any instant; every wait is at
  most `poll_s` (0.1 s) long.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from store.departure import is_decommissioned
from store.errors import (
    DatabaseBusyError,
    MissingDatabaseError,
    StorageError,
    UnsoundDatabaseError,
)
from store.keys import load_public_key
from store.opening import open_keyed
from store.supervisor import Supervisor
from sync.contract.topics import Address, Channel, topic
from sync.courier import Courier, Now, Pace
from sync.errors import CredentialError
from sync.metrics_file import MetricsFile
from sync.outbox import StoreOutbox
from sync.pairs import Pairs
from sync.renewal import CertificateRenewal
from sync.report import Reporter
from sync.seam import Backoff, Transport
from sync.settings import Settings
from sync.stopping import Stop
from sync.tls import Broker, tls_context
from sync.transport import MqttTransport

_LOG = logging.getLogger("sync.daemon")
_FAREWELL_S = 0.5
_TROUBLE = Backoff(first_s=1.0, most_s=30.0)


def real_clock() -> Now:
    """This machine's clocks."""
    return Now(time.monotonic(), datetime.now(UTC))


def run(
    settings: Settings,
    keys: Path,
    stop: Stop,
    random: Random,
    version: str,
    supervisor: Supervisor | None = None,
) -> None:
    """Carry until `stop` is requested. Raises StoreError or SyncError that no waiting can mend."""
    address = Address(settings.terminal.site, settings.terminal.name)
    supervisor = supervisor or Supervisor()
    if not is_decommissioned(settings.store.directory, settings.terminal):
        tls_context(_broker(settings, address))  # what no waiting mends is said before any waiting
        load_public_key(settings.hq.public_key)
    supervisor.ready()
    failures = 0
    while not stop.requested and not is_decommissioned(settings.store.directory, settings.terminal):
        supervisor.progress()  # an attempt at the database is a step too
        try:
            _carry(settings, keys, stop, random, version, supervisor)
        except MissingDatabaseError:
            if failures == 0:
                _LOG.warning(
                    "no_ledger_yet",
                    extra={"fields": {"detail": "waiting for `kiosk run` to make ledger.db"}},
                )
            failures += 1
            _wait(stop, settings.mqtt.poll_s * 5)
        except (DatabaseBusyError, StorageError, UnsoundDatabaseError) as error:
            failures += 1
            pause_s = _TROUBLE.pause_s(failures, random)
            fields = {"reason": type(error).__name__, "again_in_s": round(pause_s, 2)}
            _LOG.error("database_trouble", extra={"fields": fields})
            _wait(stop, pause_s)
    if is_decommissioned(settings.store.directory, settings.terminal):
        _pairs(settings).forget()  # sync's own files, which kiosk may not be able to erase
        _LOG.info("decommissioned")


def _carry(
    settings: Settings,
    keys: Path,
    stop: Stop,
    random: Random,
    version: str,
    supervisor: Supervisor,
) -> None:
    hq_key = load_public_key(settings.hq.public_key)
    address = Address(settings.terminal.site, settings.terminal.name)
    with ExitStack() as stack:
        path = settings.store.directory / "ledger.db"
        database, _ = open_keyed(path, keys, "ledger", create=False)
        stack.callback(database.close)
        courier = Courier(
            address,
            StoreOutbox(database, settings.terminal),
            hq_key,
            random,
            real_clock,
            version=version,
            pace=_pace(settings),
            report=Reporter(database, settings, real_clock).report,
            progress=supervisor.progress,
        )
        broker = _broker(settings, address)
        backoff = Backoff(settings.mqtt.reconnect_first_s, settings.mqtt.reconnect_most_s)
        transport = MqttTransport(
            broker,
            [topic(address, Channel.RECEIPT), topic(address, Channel.COMMAND)],
            random,
            will=courier.will,
            backoff=backoff,
        )
        stack.callback(transport.close)
        renewal = CertificateRenewal(
            database,
            _pairs(settings),
            broker,
            str(address),
            lambda: real_clock().utc,
            lambda tried: MqttTransport(tried, [], random, backoff=backoff),
        )
        stack.callback(renewal.close)
        stop.on_request = transport.interrupt
        transport.start()
        _LOG.info("started", extra={"fields": {"terminal": str(address), "version": version}})
        metrics = MetricsFile(
            settings.status.metrics_file, settings.mqtt.status_every_s, real_clock
        )
        _loop(courier, transport, metrics, renewal, stop, settings, supervisor)
        if stop.requested:
            supervisor.stopping()
        metrics.keep(courier, connected=False)
        courier.farewell(transport, _FAREWELL_S)
        _LOG.info("stopped", extra={"fields": {"confirmed": courier.reception.confirmed.seq}})


def _loop(
    courier: Courier,
    transport: Transport,
    metrics: MetricsFile,
    renewal: CertificateRenewal,
    stop: Stop,
    settings: Settings,
    supervisor: Supervisor,
) -> None:
    """Until `stop` is requested, the terminal has a new certificate, or is out of service."""
    directory, poll_s = settings.store.directory, settings.mqtt.poll_s
    while not stop.requested and not is_decommissioned(directory, settings.terminal):
        if renewal.step(transport.connection is not None):
            return
        more = courier.step(transport)
        metrics.keep(courier, connected=transport.connection is not None)
        supervisor.progress()
        if more:
            continue
        message = transport.receive(poll_s)
        if message is not None:
            courier.handle(message, transport)


def _pairs(settings: Settings) -> Pairs:
    return Pairs(settings.store.directory, (settings.mqtt.certificate, settings.mqtt.key))


def _broker(settings: Settings, address: Address) -> Broker:
    """As `broker_of`; with the pair of the settings when the renewed one cannot be used."""
    broker = broker_of(settings, address)
    if broker.certificate == settings.mqtt.certificate:
        return broker
    try:
        tls_context(broker)
    except CredentialError as error:
        _LOG.error("renewed_certificate_unusable", extra={"fields": {"detail": str(error)}})
        return replace(broker, certificate=settings.mqtt.certificate, key=settings.mqtt.key)
    return broker


def broker_of(settings: Settings, address: Address) -> Broker:
    """The transport's view of the settings; the client's name is the terminal's address."""
    certificate, key = _pairs(settings).in_use()
    return Broker(
        host=settings.mqtt.host,
        port=settings.mqtt.port,
        ca=settings.mqtt.ca,
        certificate=certificate,
        key=key,
        client_id=f"kiosk/{address}",
        keepalive_s=settings.mqtt.keepalive_s,
        session_expiry_s=settings.mqtt.session_expiry_s,
    )


def _pace(settings: Settings) -> Pace:
    return Pace(
        resend_after_s=settings.mqtt.resend_after_s,
        resend_most_s=settings.mqtt.resend_most_s,
        window=settings.mqtt.window,
        status_every_s=settings.mqtt.status_every_s,
    )


def _wait(stop: Stop, pause_s: float) -> None:
    deadline = time.monotonic() + pause_s
    while not stop.requested and time.monotonic() < deadline:
        time.sleep(0.05)
