"""`kiosk run`: the composition root of the daemon."""

from __future__ import annotations

import hashlib
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
from kiosk.identity import NoReader
from kiosk.indicators import GpioIndicator
from kiosk.settings import load
from kiosk.stores import open_stores, recover_stores
from store.records import Boot, Stop


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
        clock = SystemClock(settings.terminal.zone)
        recover_stores(settings, clock.now())
        stores = stack.enter_context(open_stores(settings))
        indicator = GpioIndicator(settings.indicators)
        stack.callback(indicator.close)
        camera = open_camera(settings.camera)
        stack.callback(camera.close)

        def stop(*_: object) -> None:
            stopping.set()
            camera.close()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        for note in eyes.notes:
            log.say("note", text=note)
        digest = hashlib.sha256(config.read_bytes()).hexdigest()
        boot = Boot(version=metadata.version("kiosk"), settings_digest=digest)
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
