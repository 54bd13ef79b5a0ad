"""New keys for both databases: the old ones open nothing, and a crash leaves one that opens."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from store import opening, rotation
from store.database import open_database
from store.errors import (
    DamagedDatabaseError,
    DatabaseBusyError,
    DatabaseInUseError,
    ReadOnlyKeysError,
    WrongKeyError,
)
from store.gallery import Gallery
from store.keys import (
    NAMES,
    create_next_key,
    keys_directory,
    load_database_key,
    load_next_key,
    load_signing_key,
    take_next_key,
)
from store.ledger import Ledger
from store.opening import open_keyed
from store.rotation import finish
from store.secret import Secret
from store.templates import Templates
from tests.store.disturbing import run_harness
from tests.store.made import LEDGER_KEY, TERMINAL, Shop, at, punch, vector
from tests.store.pages import traces
from tests.store.rotation_harness import check_content, make_terminal, rotate_in

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A terminal with keys, punches and templates."""
    make_terminal(tmp_path)
    return tmp_path


def keys_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "keys").iterdir()}


def raw(folder: Path, name: str) -> bytes:
    return bytes.fromhex((folder / "keys" / f"{name}.key").read_text())


def rotations(folder: Path) -> list[str]:
    database, _ = open_keyed(folder / "ledger.db", folder / "keys", "ledger", create=False)
    records = Ledger(database, TERMINAL, None).records(0, 1000)
    database.close()
    return [r.content().body["database"] for r in records if r.kind == "key_rotation"]


def test_the_old_keys_open_nothing_and_nothing_is_lost(folder: Path) -> None:
    old = {name: raw(folder, name) for name in NAMES}
    needles = {"ledger": b'"kind":"punch"', "gallery": vector(1).tobytes()}
    for name in NAMES:
        assert traces(folder / f"{name}.db", old[name], needles[name])
    rotate_in(folder)
    assert check_content(folder) == {"ledger": False, "gallery": False}
    assert rotations(folder) == ["ledger", "gallery"]
    for name in NAMES:
        path = folder / f"{name}.db"
        assert not traces(path, old[name], needles[name])
        assert traces(path, raw(folder, name), needles[name])
        with pytest.raises(WrongKeyError):
            open_database(path, old[name], create=False)
    held = b"".join(keys_in(folder).values()).lower()
    assert all(key.hex().encode() not in held for key in old.values())


def test_only_the_databases_keys_change(folder: Path) -> None:
    before = keys_in(folder)
    rotate_in(folder)
    after = keys_in(folder)
    assert after.keys() == before.keys()
    assert {n for n in after if after[n] != before[n]} == {"ledger.key", "gallery.key"}


def test_the_record_says_nothing_of_a_key(folder: Path) -> None:
    old = raw(folder, "ledger").hex()
    rotate_in(folder)
    database, _ = open_keyed(folder / "ledger.db", folder / "keys", "ledger", create=False)
    Ledger(database, TERMINAL, None).export(folder / "export.jsonl")
    database.close()
    text = (folder / "export.jsonl").read_text()
    assert "key_rotation" in text
    assert not any(key in text for key in (old, raw(folder, "ledger").hex()))


def test_a_gallery_that_outgrows_the_page_cache_is_rekeyed_whole(folder: Path) -> None:
    database, _ = open_keyed(folder / "gallery.db", folder / "keys", "gallery", create=False)
    big = [(vector(n, 4096), 900_000, at()) for n in range(600)]  # 9.8 MB; the cache holds 8
    Gallery(database).add_templates("0", "cd" * 32, big)
    database.close()
    assert (folder / "gallery.db").stat().st_size > 9_000_000
    rotate_in(folder)
    check_content(folder)
    database, _ = open_keyed(folder / "gallery.db", folder / "keys", "gallery", create=False)
    vectors = Templates(database).active("cd" * 32)[1]
    assert all((vectors[n] == vector(n, 4096)).all() for n in range(600))
    database.close()


def test_the_new_key_belongs_to_whom_the_old_one_did(folder: Path) -> None:
    key = folder / "keys" / "ledger.key"
    key.chmod(0o440)  # kiosk-sync reads it through the group
    if os.geteuid() == 0:
        os.chown(key, 12345, 23456)
    before = key.stat()
    rotate_in(folder)
    after = key.stat()
    assert stat.S_IMODE(after.st_mode) == 0o440
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


# Other connections


def test_a_connection_that_stays_open_would_find_every_page_damaged(shop: Shop) -> None:
    """Why a rotation needs the databases alone."""
    shop.ledger.append(punch(), at())
    other = open_database(shop.folder / "ledger.db", LEDGER_KEY, create=False)
    with Secret.random(32) as key:
        other.rekey(key)
    with pytest.raises(DamagedDatabaseError):
        shop.ledger.append(punch(), at())
    other.close()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_changed_while_somebody_has_a_database_open(folder: Path, name: str) -> None:
    path = folder / f"{name}.db"
    other, _ = open_keyed(path, folder / "keys", name, create=False)  # type: ignore[arg-type]
    keys, files = keys_in(folder), {n: (folder / f"{n}.db").read_bytes() for n in NAMES}
    with pytest.raises(DatabaseInUseError, match=rf"{name}\.db: .*stop kiosk-sync kiosk"):
        rotate_in(folder)
    assert keys_in(folder) == keys
    assert {n: (folder / f"{n}.db").read_bytes() for n in NAMES} == files
    other.close()
    rotate_in(folder)
    assert rotations(folder) == ["ledger", "gallery"]


def test_nobody_gets_in_while_a_rotation_is_at_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.database.BUSY_S", 0.01)
    refused = []

    def watch(keys: Path, name: Any) -> Secret:
        for other in NAMES:
            with pytest.raises(DatabaseBusyError):
                open_keyed(folder / f"{other}.db", keys, other, create=False)
            refused.append(other)
        return create_next_key(keys, name)

    monkeypatch.setattr(rotation, "create_next_key", watch)
    rotate_in(folder)
    assert refused == [*NAMES, *NAMES]
    check_content(folder)


# In the middle


class Crash(BaseException):
    """The process ends here."""


def stop(*_: object) -> None:
    raise Crash


def test_the_next_opening_can_end_a_rotation_and_tells_it_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rotation, "take_next_key", stop)
        with pytest.raises(Crash):
            rotate_in(folder)
    keys = folder / "keys"
    assert (keys / "ledger.key.new").exists()
    for _ in range(2):  # two processes may both find it unfinished
        database, under_next = open_keyed(folder / "ledger.db", keys, "ledger", create=False)
        assert under_next is (keys / "ledger.key.new").exists()
        finish(keys, "ledger", database, Ledger(database, TERMINAL, load_signing_key(keys)), at())
        database.close()
    assert not (keys / "ledger.key.new").exists()
    assert rotations(folder) == ["ledger"]
    check_content(folder)


def test_a_key_that_takes_its_place_between_two_looks_opens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rotation, "take_next_key", stop)
        with pytest.raises(Crash):
            rotate_in(folder)

    def faster(keys: Path, name: Any) -> Secret | None:
        take_next_key(keys, name)
        return load_next_key(keys, name)

    monkeypatch.setattr(opening, "load_next_key", faster)
    keys = folder / "keys"
    database, under_next = open_keyed(folder / "ledger.db", keys, "ledger", create=False)
    assert not under_next
    database.close()


def test_a_waiting_key_that_was_never_used_is_used_by_the_next_rotation(folder: Path) -> None:
    waiting = create_next_key(folder / "keys", "ledger")
    check_content(folder)
    rotate_in(folder)
    assert load_database_key(folder / "keys", "ledger") == waiting


def test_a_stranger_s_key_is_still_a_wrong_key(folder: Path) -> None:
    create_next_key(folder / "keys", "ledger")
    take_next_key(folder / "keys", "ledger")
    create_next_key(folder / "keys", "ledger")
    with pytest.raises(WrongKeyError):
        open_keyed(folder / "ledger.db", folder / "keys", "ledger", create=False)


def test_credentials_are_read_and_never_rotated(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder / "keys"))
    assert keys_directory(Path("/etc/kiosk/keys")) == folder / "keys"
    before = keys_in(folder)
    with pytest.raises(ReadOnlyKeysError, match=r"kiosk keys unseal.*--seal"):
        rotate_in(folder)
    assert keys_in(folder) == before
    check_content(folder)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "without-our-keys"))
    assert keys_directory(Path("/etc/kiosk/keys")) == Path("/etc/kiosk/keys")


# Crashes and failing disks, for real


def test_a_rotation_killed_at_a_system_call_leaves_keys_that_open(tmp_path: Path) -> None:
    found = run_harness("rotation_harness", tmp_path, 67)
    assert found["killed"] >= 3


@pytest.mark.soak
def test_a_rotation_killed_or_failing_at_any_call_leaves_keys_that_open(tmp_path: Path) -> None:
    found = run_harness("rotation_harness", tmp_path, 1)
    assert found["killed"] == found["EIO once"] == found["ENOSPC"] == found["calls"] > 100
