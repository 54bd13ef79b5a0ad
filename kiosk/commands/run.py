"""`kiosk run`: the composition root of the daemon."""

from __future__ import annotations

import hashlib
import platform
import signal
import sys
import threading
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path

import click

from kiosk import log
from kiosk.cameras import open_camera
from kiosk.clock import Clock, SystemClock
from kiosk.commands.options import with_config
from kiosk.commands.recognition import open_eyes, policy_for, verification_for
from kiosk.daemon import Door
from kiosk.errors import CameraError
from kiosk.identity import NoReader
from kiosk.indicators import GpioIndicator, Signal
from kiosk.overrides import Overrides, digest
from kiosk.settings import Settings, load
from kiosk.station import Station
from kiosk.stores import open_stores, recover_stores
from kiosk.watchman import CAMERA_UNAVAILABLE, Watchman
from store.database import Database
from store.records import Boot, Configuration, Fault, Stop
from store.standing import standing_faults

# EX_TEMPFAIL of sysexits.h: ended in order, to be started again (RestartForceExitStatus).
RESTART = 75
_MAX_DETAIL = 1000  # characters of a fault's detail (`store.records.Text`)


@click.command()
@with_config
def run(config: Path) -> None:
    """Serve people at the door until SIGTERM, or until a recorded camera ends.

    Ends with 75 when headquarters' order or settings want it started again.
    """
    log.to_stderr()
    own = load(config)
    overrides = Overrides(own)
    clock = SystemClock(own.terminal.zone)
    recover_stores(own, clock.now())
    _settle_trial(overrides, own, clock)
    settings, invalid = overrides.settings()
    stopping = threading.Event()
    with ExitStack() as stack:
        eyes = open_eyes(settings)
        policy = policy_for(settings, eyes)
        stores = stack.enter_context(open_stores(settings))
        clock = SystemClock(settings.terminal.zone)
        indicator = GpioIndicator(settings.indicators, clock)
        stack.callback(indicator.close)
        try:
            camera = open_camera(settings.camera)
        except CameraError as error:
            indicator.show(Signal.FAULT)
            watchman = Watchman(settings, stores)
            watchman.report(CAMERA_UNAVAILABLE, True, clock.now(), type(error).__name__)
            raise
        stack.callback(camera.close)

        def stop(*_: object) -> None:
            stopping.set()
            camera.close()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        for note in eyes.notes:
            log.say("note", text=note)
        file_digest = hashlib.sha256(config.read_bytes()).hexdigest()
        boot = Boot(
            version=metadata.version("kiosk"),
            settings_digest=file_digest,
            versions=versions(stores.ledger_db),
            models=eyes.model_digests,
            templates=stores.templates.count(eyes.model_digest),
            faults=tuple(sorted(standing_faults(stores.ledger_db))),
        )
        stores.ledger.append(boot, clock.now())
        if invalid is not None:
            log.complain("overrides_passed_over", why=invalid)
            fault = Fault(code="overrides_passed_over", detail=invalid[:_MAX_DETAIL])
            stores.ledger.append(fault, clock.now())
        station = Station(settings, overrides, eyes.model_digests, file_digest)
        Door(
            settings,
            stores,
            eyes,
            policy,
            indicator,
            clock,
            stopping,
            verification_for(settings, eyes),
            NoReader(),
            station,
        ).run(camera)
        reason = "stopped" if stopping.is_set() else station.restart or "camera ended"
        stores.ledger.append(Stop(reason=reason), clock.now())
        log.say("stopped", reason=reason)
    if station.restart is not None and not stopping.is_set():
        sys.exit(RESTART)


def _settle_trial(overrides: Overrides, settings: Settings, clock: Clock) -> None:
    """Go back from headquarters' settings when a start with them did not get ready.

    The record comes first: a crash in between writes it twice rather than never.
    """
    failed = overrides.begin()
    if failed is None:
        return
    log.complain("configuration_rolled_back", number=failed.number)
    record = Configuration(
        before=digest(failed.text),
        after=digest(failed.previous),
        keys=overrides.changed(failed.text, failed.previous),
        why="start failed",
    )
    with open_stores(settings) as stores:
        stores.ledger.append(record, clock.now())
    overrides.abandon(failed)


def versions(database: Database) -> dict[str, str]:
    """Of Python, the system and the libraries that the terminal stands on."""
    return {
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}"[:64],
        "sqlcipher": database.cipher_version(),
        "sqlcipher3": metadata.version("sqlcipher3"),
        "onnxruntime": metadata.version("onnxruntime"),
    }
