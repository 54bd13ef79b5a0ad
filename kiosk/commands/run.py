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
from kiosk.assembly import assemble
from kiosk.cameras import Camera, open_camera
from kiosk.clock import Clock, SystemClock
from kiosk.commands.options import with_config
from kiosk.commands.recognition import open_eyes, policy_for, verification_for
from kiosk.daemon import Door
from kiosk.departure import depart
from kiosk.errors import CameraError
from kiosk.heart import Heart
from kiosk.indicators import GpioIndicator, Indicator, Signal
from kiosk.leaving import Note, is_over, noted
from kiosk.overrides import Overrides, digest
from kiosk.panel import Panel, Panels
from kiosk.patience import PatientCamera
from kiosk.readers import open_panel
from kiosk.screen.opening import screen_of
from kiosk.settings import Settings, load
from kiosk.station import Station
from kiosk.stores import open_stores, recover_stores
from recognizer.errors import RecognizerError
from recognizer.pipeline import Recognizer
from store.database import Database
from store.departure import PROOF
from store.records import Boot, Configuration, Fault, Stop
from store.standing import standing_faults
from store.supervisor import Supervisor

# EX_TEMPFAIL of sysexits.h: ended in order, to be started again (RestartForceExitStatus).
RESTART = 75
_MAX_DETAIL = 1000  # characters of a fault's detail (`store.records.Text`)


@click.command()
@with_config
def run(config: Path) -> None:
    """Serve people at the door until SIGTERM, or until a recorded camera ends.

    Ends with 75 when headquarters' order or settings want it started again.
    """
    log.begin()
    supervisor = Supervisor.of()
    own = load(config)
    overrides = Overrides(own)
    clock = SystemClock(own.terminal.zone)
    if (decision := noted(own)) is not None or is_over(own):
        _depart(own, decision, clock, supervisor)
        return
    recover_stores(own, clock.now())
    _settle_trial(overrides, own, clock)
    settings, invalid = overrides.settings()
    stopping = threading.Event()
    with ExitStack() as stack:
        readers = open_panel(settings)
        stack.callback(readers.close)
        screen = stack.enter_context(screen_of(settings))
        panel = Panels(readers, screen)
        eyes = _open_eyes(settings, panel)
        stores = stack.enter_context(open_stores(settings))
        clock = SystemClock(settings.terminal.zone)
        indicator = GpioIndicator(settings.indicators, clock)
        stack.callback(indicator.close)
        models = eyes.model_digests if eyes else {}
        file_digest = hashlib.sha256(config.read_bytes()).hexdigest()
        station = Station(settings, overrides, models, file_digest)
        door = assemble(
            settings,
            stores,
            eyes,
            policy_for(settings, eyes) if eyes else None,
            verification_for(settings, eyes) if eyes else None,
            indicator,
            panel,
            clock,
            stopping,
            station,
            screen=screen,
            supervisor=supervisor,
        )
        camera = _open_camera(settings, panel, door, indicator)
        stack.callback(camera.close)

        def stop(*_: object) -> None:
            stopping.set()
            camera.close()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        for note in eyes.notes if eyes else ():
            log.say("note", text=note)
        boot = Boot(
            version=metadata.version("kiosk"),
            settings_digest=file_digest,
            versions=versions(stores.ledger_db),
            models=models,
            templates=stores.templates.count(eyes.model_digest) if eyes else None,
            faults=tuple(sorted(standing_faults(stores.ledger_db))),
        )
        stores.ledger.append(boot, clock.now())
        if settings.update is not None:
            station.heart = Heart(settings.update, stores)
        if invalid is not None:
            log.complain("overrides_passed_over", why=invalid)
            fault = Fault(code="overrides_passed_over", detail=invalid[:_MAX_DETAIL])
            stores.ledger.append(fault, clock.now())
        door.run(camera)
        supervisor.stopping()
        reason = "stopped" if stopping.is_set() else station.restart or "camera ended"
        stores.ledger.append(Stop(reason=reason), clock.now())
        log.say("stopped", reason=reason)
    if station.restart is not None and not stopping.is_set():
        sys.exit(RESTART)


def _depart(
    settings: Settings, decision: Note | None, clock: Clock, supervisor: Supervisor
) -> None:
    """Serve nobody any more: deliver the last record, then erase everything.

    Without a decision that was done before, and it is only said.
    """
    stopping = _Stopping(supervisor)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    supervisor.ready()
    if decision is not None:
        for path in depart(settings, decision, clock, stopping) or ():
            log.complain("not_erased", path=path)
    else:
        log.complain("out_of_service", proof=str(settings.store.directory / PROOF))
    supervisor.stopping()


class _Stopping(threading.Event):
    """Each wait for it is a step of the work: headquarters' receipt may take its time."""

    def __init__(self, supervisor: Supervisor) -> None:
        super().__init__()
        self._supervisor = supervisor

    def wait(self, timeout: float | None = None) -> bool:
        """As an event's."""
        self._supervisor.progress()
        return super().wait(timeout)


def _open_eyes(settings: Settings, panel: Panel) -> Recognizer | None:
    """The recogniser; None where its weights are missing or wrong and badge or PIN can go on."""
    try:
        return open_eyes(settings)
    except RecognizerError as error:
        if not panel.identifies:
            raise
        log.complain("faces_not_recognised", why=str(error))
        return None


def _open_camera(
    settings: Settings, panel: Panel, door: Door, indicator: Indicator
) -> Camera | PatientCamera:
    """The camera. One that is live is waited for where badge or PIN can go on without it."""
    live = settings.camera.source in ("picamera2", "v4l2")
    if live and panel.identifies:
        return PatientCamera(lambda: open_camera(settings.camera), door.camera_lost)
    try:
        return open_camera(settings.camera)
    except CameraError as error:
        indicator.show(Signal.FAULT)
        door.camera_lost(error)
        raise


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
