"""A terminal with a backup directory and the operator's age key, for tests of `kiosk backup`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
from click.testing import CliRunner, Result

from kiosk.cli import cli
from kiosk.enrolment import enrol
from kiosk.settings import Settings, load
from kiosk.stores import open_stores
from store.records import Punch
from tests.kiosk.made import LIMITS, MODEL, applicant, now, samples, terminal


@dataclass(frozen=True)
class Site:
    """One folder: the terminal's in `gate`, a stick in `stick`, the operator's key beside them."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "gate" / "kiosk.toml"

    @property
    def identity(self) -> Path:
        return self.folder / "operator.key"

    @property
    def new_config(self) -> Path:
        """Settings of new hardware, which has nothing yet."""
        return self.folder / "new" / "kiosk.toml"

    @property
    def settings(self) -> Settings:
        return load(self.config)

    def backups(self) -> list[Path]:
        return sorted((self.folder / "stick").glob("*.age"))

    def run(self, *words: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(word) for word in words])

    def create(self) -> Path:
        """Make a backup with the real command; returns its file."""
        done = self.run("backup", "create", "--config", self.config, "--json")
        assert done.exit_code == 0, done.exception
        return Path(json.loads(done.stdout)["file"])

    def restore(self, file: Path, *more: str | Path) -> Result:
        words = ("--identity", self.identity, "--config", self.new_config)
        return self.run("backup", "restore", file, *words, *more)

    def verify(self, file: Path) -> Any:
        done = self.run("backup", "verify", file, "--identity", self.identity, "--json")
        assert done.exit_code == 0, done.exception
        return json.loads(done.stdout)


def site(folder: Path, *, punches: int = 5, keep: int = 2, others: tuple[str, ...] = ()) -> Site:
    """A terminal with one person and some punches, and no backup yet."""
    for name in ("gate", "stick"):
        (folder / name).mkdir()
    settings = terminal(folder / "gate")
    identity = pyrage.x25519.Identity.generate()
    made = Site(folder)
    made.identity.write_text(f"# public key: {identity.to_public()}\n{identity}\n")
    recipients = ", ".join(f'"{one}"' for one in (str(identity.to_public()), *others))
    made.config.write_text(
        '[terminal]\nsite = "plant-1"\nname = "gate-a"\nzone = "UTC"\n'
        '[store]\ndirectory = "."\nkeys = "keys"\n[hq]\npublic_key = "hq.pub"\n'
        f'[backup]\ndirectory = "../stick"\nrecipients = [{recipients}]\nkeep = {keep}\n'
    )
    with open_stores(settings) as stores:
        enrol(stores, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
        with stores.ledger_db.transaction():
            for _ in range(punches):
                stores.ledger.append(Punch(person="1", method="face"), now())
    return made
