"""SIGKILL in the middle of making a backup and of bringing one back, at one file operation each."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.stores import open_stores
from store.errors import OccupiedError
from tests.killing import is_killed
from tests.kiosk.backups import Site, site

_WATCHED = frozenset({"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir"})
_EVERY = int(os.environ.get("KIOSK_BACKUP_KILL_EVERY", "11"))


def killed_at(operation: int, folder: Path, work: Callable[[], object]) -> bool:
    """Do the work in a process that is killed at that file operation in `folder`; False if done."""
    left = operation

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in _WATCHED and str(folder) in str(arguments[0]):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    def watched() -> None:
        sys.addaudithook(watch)
        work()

    return is_killed(watched)


@pytest.fixture
def gate(tmp_path: Path) -> Site:
    return site(tmp_path, keep=100)


def test_a_restore_killed_anywhere_is_completed_by_the_next(gate: Site) -> None:
    file = gate.create()
    new, kills, operation = gate.new_config.parent, 0, 1
    while killed_at(operation, new, lambda: gate.restore(file)):
        kills += 1
        operation += _EVERY
        if gate.new_config.exists() and not (new / "keys" / "signing.key").exists():
            # Somebody starts the terminal in the middle: it finds no key and makes nothing.
            assert gate.run("punches", "--config", gate.new_config).exit_code != 0
        done = gate.restore(file)
        assert done.exit_code == 0 or isinstance(done.exception, OccupiedError), done.exception
        whole(gate)
        shutil.rmtree(new)
    assert kills >= 50 // _EVERY


def whole(gate: Site) -> None:
    """The restored terminal is all there, told once, and nothing is left aside."""
    new = gate.new_config.parent
    verified = gate.run("ledger", "verify", "--config", gate.new_config)
    assert verified.exit_code == 0, verified.exception
    assert verified.output.startswith("8 records")
    assert "1 " in gate.run("people", "list", "--config", gate.new_config).output
    assert len(list((new / "keys").glob("*.key"))) == 6
    left = [p for p in new.rglob("*") if ".restore/" in str(p)]
    assert left == []


def test_a_backup_killed_anywhere_leaves_whole_backups_and_the_next_one_cleans_up(
    gate: Site,
) -> None:
    kills, operation = 0, 1
    stick = gate.folder / "stick"

    def work() -> None:
        gate.create()

    while killed_at(operation, gate.folder, work):
        kills += 1
        operation += 2 * _EVERY
        for file in gate.backups():
            assert gate.verify(file)["checksum"] == "holds"
            file.unlink()
        gate.create()
        assert not [path for path in stick.iterdir() if path.name.startswith(".")]
        assert list((gate.config.parent / ".backup").iterdir()) == []
        for path in stick.iterdir():
            path.unlink()
    assert kills >= 25 // _EVERY
    with open_stores(gate.settings) as stores:
        told = [r for r in stores.ledger.records(0, 1000) if r.kind == "backup"]
        assert len(told) >= kills + 1
        assert stores.ledger.verify(stores.signer.public_key()) == stores.ledger.head()
