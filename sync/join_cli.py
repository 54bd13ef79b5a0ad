"""The command `kiosk-sync join-ask`, which `kiosk join` runs: kiosk never touches the network.

The request comes on stdin; on stdout goes one JSON object (`state`, `answer`, `why`), on stderr
how it goes.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from random import Random

import click

from store.errors import StoreError
from store.joining import digest
from store.keys import load_public_key
from store.settings import load_settings
from sync.contract.joining import Asking
from sync.errors import SyncError
from sync.join_ask import Outcome, ask_to_join
from sync.settings import Settings
from sync.tls import Broker
from sync.transport import MqttTransport

_FILE = click.Path(path_type=Path, dir_okay=False)
_SESSION_S = 60  # what the broker keeps for a connection that breaks; a killed one leaves nothing


@click.command("join-ask")
@click.option("--config", type=_FILE, required=True, help="The new terminal's TOML file.")
@click.option("--certificate", type=_FILE, required=True, help="The site's join certificate, PEM.")
@click.option("--key", type=_FILE, required=True, help="Its key, PEM.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(0.1), default=600.0)
def join_ask(config: Path, certificate: Path, key: Path, timeout_s: float) -> None:
    """Ask headquarters to let this machine in; `kiosk join` runs it."""
    # The transport's own log says each failed attempt; here the outcome says the last.
    logging.getLogger("sync").addHandler(logging.NullHandler())
    logging.getLogger("sync").propagate = False
    try:
        outcome = _ask(load_settings(config, Settings), certificate, key, timeout_s)
    except (StoreError, SyncError) as error:
        click.echo(f"kiosk-sync: {error}", err=True)
        sys.exit(1)
    said = {"state": outcome.state, "answer": outcome.answer.decode("utf-8"), "why": outcome.why}
    click.echo(json.dumps(said))


def _ask(settings: Settings, certificate: Path, key: Path, timeout_s: float) -> Outcome:
    raw = sys.stdin.buffer.read()
    asking = Asking(settings.terminal.site, digest(raw))
    broker = Broker(
        host=settings.mqtt.host,
        port=settings.mqtt.port,
        ca=settings.mqtt.ca,
        certificate=certificate,
        key=key,
        client_id=asking.id,
        keepalive_s=settings.mqtt.keepalive_s,
        session_expiry_s=_SESSION_S,
    )
    random = Random()
    transport = MqttTransport(broker, [asking.answer_topic], random)
    click.echo(f"connecting to {broker.host}:{broker.port}", err=True)
    try:
        transport.start()
        outcome = ask_to_join(
            transport,
            load_public_key(settings.hq.public_key),
            asking,
            raw,
            timeout_s,
            lambda words: click.echo(words, err=True),
            random,
        )
        if outcome.state == "unconnected" and not outcome.why:
            return Outcome("unconnected", why=transport.trouble)
        return outcome
    finally:
        transport.close()
