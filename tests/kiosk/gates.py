"""Terminals of one site that share templates, as real stores; their headquarters is `HQ`."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import Settings, TemplatesSection
from kiosk.station import Station
from kiosk.stores import Stores, open_stores
from store.documents import open_document
from store.keys import load_sealing_key
from store.records import Instant
from store.register import Agreement
from tests.kiosk.made import MODEL
from tests.kiosk.ordered import NOW, ordered_terminal, post
from tests.store.made import vector

HERE = Agreement("1", "ef" * 32, "signed form 17")
SITE = Agreement("2026-11-24", "cd" * 32, "signed form 18", "12")


@dataclass(slots=True)
class Gate:
    """One terminal, opened; `ordered` is the number of its newest command."""

    settings: Settings
    stores: Stores
    station: Station
    ordered: int = 0

    @property
    def name(self) -> str:
        return self.settings.terminal.name

    @property
    def key(self) -> str:
        """The public half of `sealing.key`, as a `share` has it."""
        public = load_sealing_key(self.stores.keys).public_key()
        return base64.b64encode(public.public_bytes_raw()).decode()

    def enrol(self, number: str, *seeds: int, site: bool = True, at: Instant = NOW) -> None:
        """Enrol with the vectors of these seeds alone, and record the consent for the site."""
        protection = self.stores.protection
        templates = [(protection.apply(vector(seed)), 900_000, at) for seed in seeds]
        self.stores.register.enrol(
            number,
            f"Name {number}",
            "de",
            HERE,
            MODEL,
            templates,
            at,
            replaced=[entry.id for entry in self.stores.templates.entries(number)],
            protection=protection.id,
        )
        if site:
            self.stores.sharing.agree(number, SITE, at)

    def templates(self, number: str) -> NDArray[np.float32]:
        """(n, d) of what is stored, free of this terminal's transform."""
        entries = self.stores.templates.entries(number)
        stored = self.stores.templates.vectors([entry.id for entry in entries])
        return self.stores.protection.remove(stored) if len(entries) else stored

    def order(self, type: str, **arguments: Any) -> dict[str, Any]:
        """Obey one command; the body of its reply."""
        self.ordered += 1
        post(self.stores, type, self.ordered, terminal=self.name, arguments=arguments)
        obey(self.stores, self.station, NOW)
        document = self.stores.delivery.replies(1000)[-1].document
        return open_document(self.stores.signer.public_key(), "reply", document)

    def told(self, number: str) -> list[tuple[str, dict[str, Any]]]:
        """The kinds and bodies of the ledger's records about somebody."""
        records = self.stores.ledger.records(0, 10_000)
        told = [(record.kind, record.content().body) for record in records]
        return [(kind, body) for kind, body in told if body.get("person") == number]


@contextmanager
def open_gate(folder: Path, name: str, *, share: bool = True) -> Iterator[Gate]:
    """A new terminal of that name."""
    folder.mkdir()
    settings = ordered_terminal(folder, name).model_copy(
        update={"templates": TemplatesSection(share=share)}
    )
    with open_stores(settings) as stores:
        yield Gate(settings, stores, Station(settings, Overrides(settings), {"embedder": MODEL}))
