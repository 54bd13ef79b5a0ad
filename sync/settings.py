"""The sync process's part of the terminal's one TOML file.

`[terminal]`, `[store]`, `[hq]` and `[status]` are shared (`store.settings`), `[mqtt]` is ours.
kiosk's sections are declared as opaque tables: kiosk checks them, and a test holds that none is
missing. Relative paths are relative to the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from store.settings import HqSection, StatusSection, StoreSection, Terminal

Opaque = dict[str, Any]


class MqttSection(BaseModel):
    """Which broker, with which certificates, and how patient delivery is.

    TLS is not a setting: there is no other way. Times are seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 8883
    ca: Path
    certificate: Path
    key: Path
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    session_expiry_s: Annotated[int, Field(ge=0, le=90 * 24 * 3600)] = 7 * 24 * 3600
    reconnect_first_s: Annotated[float, Field(ge=0.05, le=60)] = 0.5
    reconnect_most_s: Annotated[float, Field(ge=0.05, le=3600)] = 60.0
    resend_after_s: Annotated[float, Field(ge=0.2, le=3600)] = 5.0
    resend_most_s: Annotated[float, Field(ge=0.2, le=3600)] = 60.0
    window: Annotated[int, Field(ge=1, le=64, description="batches without a receipt")] = 8
    poll_s: Annotated[float, Field(ge=0.01, le=0.1)] = 0.05
    status_every_s: Annotated[float, Field(ge=1, le=3600)] = 60.0


class Settings(BaseModel):
    """What `kiosk-sync run` reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    terminal: Terminal
    store: StoreSection
    hq: HqSection
    mqtt: MqttSection
    status: StatusSection = StatusSection()
    camera: Opaque = {}
    recognition: Opaque = {}
    quality: Opaque = {}
    pad: Opaque = {}
    indicators: Opaque = {}
    decision: Opaque = {}
    badge: Opaque = {}
    keypad: Opaque = {}
    buttons: Opaque = {}
    retention: Opaque = {}
    templates: Opaque = {}
    screen: Opaque = {}
    enrolment: Opaque = {}
    backup: Opaque = {}
    notice: Opaque = {}
    punches: Opaque = {}
    update: Opaque = {}
