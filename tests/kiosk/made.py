"""What the terminal's tests of templates are made of: a terminal's stores, and faces."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from numpy.typing import NDArray

from kiosk.assembly import assemble
from kiosk.daemon import Door
from kiosk.enrolment import Applicant, Limits
from kiosk.indicators import Indicator, Signal
from kiosk.panel import NoPanel, Panel, Panels
from kiosk.screen.view import NoScreen, Screen
from kiosk.settings import Settings
from kiosk.stores import Stores
from recognizer.coverage import Sample
from recognizer.decision import DecisionPolicy
from recognizer.pipeline import Recognizer
from store.keys import create_keys
from store.machine import Health
from store.records import Instant
from store.register import Agreement
from store.settings import HqSection, StoreSection, Terminal
from store.supervisor import Supervisor

MODEL = "ab" * 32
LIMITS = Limits(one_person=0.4, policy=DecisionPolicy(0.4))
D = 192


def now(days: float = 0) -> Instant:
    """So many days after the tests' first Monday."""
    utc = datetime(2026, 3, 2, 6, 0, tzinfo=UTC) + timedelta(days=days)
    return Instant(utc=utc, zone="UTC", boot="b", monotonic_ns=1, synchronised=True, error_ms=1)


class StoppedClock:
    """A clock that stands at the tests' first Monday."""

    def now(self) -> Instant:
        """Always the same."""
        return now()


class Lamps:
    """Lamps and buzzer that remember what was shown."""

    def __init__(self) -> None:
        self.shown: list[Signal] = []

    def show(self, signal: Signal) -> None:
        """Remember it."""
        self.shown.append(signal)

    def close(self) -> None:
        """Nothing to give back."""


def terminal(folder: Path) -> Settings:
    """A new terminal's settings, with its keys."""
    create_keys(folder / "keys")
    public = Ed25519PrivateKey.generate().public_key()
    (folder / "hq.pub").write_bytes(
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return Settings(
        terminal=Terminal(site="plant-1", name="gate-a", zone="UTC"),
        store=StoreSection(directory=folder, keys=folder / "keys"),
        hq=HqSection(public_key=folder / "hq.pub"),
    )


def settings_file(folder: Path) -> Path:
    """The settings of `terminal(folder)` as the file that commands read."""
    config = folder / "kiosk.toml"
    config.write_text(
        '[terminal]\nsite = "plant-1"\nname = "gate-a"\nzone = "UTC"\n'
        f'[store]\ndirectory = "{folder}"\nkeys = "{folder / "keys"}"\n'
        f'[hq]\npublic_key = "{folder / "hq.pub"}"\n'
    )
    return config


def door(
    settings: Settings,
    stores: Stores,
    eyes: object,
    lamps: Indicator,
    policy: object = DecisionPolicy(0.5),
    panel: Panel | None = None,
    screen: Screen | None = None,
    supervisor: Supervisor | None = None,
) -> Door:
    """A door that nothing of this machine reaches; stand-ins do for recogniser and policy."""
    return assemble(
        settings,
        stores,
        cast(Recognizer, eyes),
        lambda _: cast(DecisionPolicy, policy),
        lambda _: 0.5,
        lamps,
        Panels(panel or NoPanel(), screen or NoScreen()),
        StoppedClock(),
        threading.Event(),
        health=Health,
        screen=screen,
        supervisor=supervisor,
    )


def consenting(stores: Stores, number: str) -> None:
    """Enter somebody who agreed to the notice as it is."""
    stores.register.upsert(number, "Name", "en", "active", None, now())
    stores.register.agree(number, Agreement(stores.notices.version, "0" * 64, "form"), now())


def face(person: int, shot: int = 0, apart: float = 0.5) -> NDArray[np.float32]:
    """(192,) embedding: shots of one person have cosines of about 1 / (1 + apart²)."""
    base = np.random.default_rng(person).normal(size=D)
    other = np.random.default_rng((person, shot)).normal(size=D)
    raw = base / np.linalg.norm(base) + apart * other / np.linalg.norm(other)
    return np.asarray(raw / np.linalg.norm(raw), dtype=np.float32)


def samples(person: int, *shots: int, quality: float = 0.8) -> list[Sample]:
    """Shots of one person."""
    return [Sample(face(person, shot), quality) for shot in shots]


def applicant(number: str) -> Applicant:
    """Somebody who consents."""
    return Applicant(number, "Name", "en", "form", None)
