"""`kiosk run`: the composition root of the daemon."""

from __future__ import annotations

import hashlib
import platform
import signal
import threading
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path

import click

from kiosk import log
from kiosk.cameras import open_camera
from kiosk.clock import SystemClock
from kiosk.commands.options import with_config
from kiosk.commands.recognition import open_eyes, policy_for, verification_for
from kiosk.daemon import Door
from kiosk.errors import CameraError
from kiosk.identity import NoReader
from kiosk.indicators import GpioIndicator, Signal
from kiosk.settings import load
from kiosk.stores import open_stores
from kiosk.watchman import CAMERA_UNAVAILABLE, Watchman
from store.records import Boot, Stop
from store.standing import standing_faults


@click.command()
@with_config
def run(config: Path) -> None:
    """Serve people at the door until SIGTERM, or until a recorded camera ends."""
    log.to_stderr()
    settings = load(config)
    stopping = threading.Event()
    with ExitStack() as stack:
        eyes = open_eyes(settings)
        policy = policy_for(settings, eyes)
        stores = stack.enter_context(open_stores(settings))
        indicator = GpioIndicator(settings.indicators)
        stack.callback(indicator.close)
        clock = SystemClock(settings.terminal.zone)
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
        digest = hashlib.sha256(config.read_bytes()).hexdigest()
        boot = Boot(
            version=metadata.version("kiosk"),
            settings_digest=digest,
            versions=versions(),
            models={"embedder": eyes.model_digest},
            templates=len(stores.gallery.templates(eyes.model_digest)[0]),
            faults=tuple(sorted(standing_faults(stores.ledger_db))),
        )
        stores.ledger.append(boot, clock.now())
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
        ).run(camera)
        reason = "stopped" if stopping.is_set() else "camera ended"
        stores.ledger.append(Stop(reason=reason), clock.now())
        log.say("stopped", reason=reason)


def versions() -> dict[str, str]:
    """Of Python, the system and the libraries that the terminal stands on."""
    return {
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}"[:64],
        "sqlcipher3": metadata.version("sqlcipher3"),
        "onnxruntime": metadata.version("onnxruntime"),
    }
