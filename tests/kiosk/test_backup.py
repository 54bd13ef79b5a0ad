"""`kiosk backup` on a real terminal's files."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest

from kiosk.stores import open_stores
from store import archive
from store.archive import MANIFEST, Manifest, pack
from store.database import Database
from store.errors import (
    DamagedArchiveError,
    DiskFullError,
    IdentityError,
    NewerArchiveError,
    OccupiedError,
)
from store.records import Backup, Punch, Restore
from tests.kiosk.backups import Site, site
from tests.kiosk.made import now


@pytest.fixture
def gate(tmp_path: Path) -> Site:
    return site(tmp_path)


def kinds(gate: Site) -> list[str]:
    with open_stores(gate.settings) as stores:
        return [record.kind for record in stores.ledger.records(0, 10_000)]


def test_a_backup_is_made_told_and_opened(gate: Site) -> None:
    file = gate.create()
    with open_stores(gate.settings) as stores:
        told = stores.ledger.records(0, 100)[-1].content().known_body()
    assert isinstance(told, Backup)
    assert told.file == file.name
    assert (told.head_seq, len(told.recipients)) == (7, 1)
    found = gate.verify(file)
    assert (found["opened"], found["head"], found["people"]) == (True, 7, 1)
    assert (found["sha256"], found["checksum"]) == (told.digest, "holds")
    checksum = ["sha256sum", "--check", "--quiet", f"{file.name}.sha256"]
    subprocess.run(checksum, cwd=file.parent, check=True)


def test_without_the_identity_only_the_outside_is_checked_and_that_is_said(gate: Site) -> None:
    file = gate.create()
    done = gate.run("backup", "verify", file)
    assert done.exit_code == 0
    assert "only its outside was checked" in done.output
    file.with_name(file.name + ".sha256").unlink()
    assert json.loads(gate.run("backup", "verify", file, "--json").stdout)["checksum"] == "missing"


def test_every_recipient_can_open_it(tmp_path: Path) -> None:
    other = pyrage.x25519.Identity.generate()
    gate = site(tmp_path, others=(str(other.to_public()),))
    file = gate.create()
    assert gate.verify(file)["recipients"] == 2
    gate.identity.write_text(str(other))
    assert gate.verify(file)["opened"]


def test_nothing_readable_is_on_the_stick_or_staged(
    gate: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged: list[bytes] = []
    real = Database.copy_to

    def copy_to(self: Database, path: Path, key: bytes, on_step: Callable[[], None]) -> None:
        real(self, path, key, on_step)
        staged.append(path.read_bytes())

    monkeypatch.setattr(Database, "copy_to", copy_to)
    file = gate.create()
    assert len(staged) == 2
    keys = [path.read_bytes() for path in (gate.config.parent / "keys").glob("*.key")]
    for content in (*staged, file.read_bytes()):
        needles = (b"SQLite format 3", b"CREATE TABLE", b"plant-1", b"PRIVATE KEY", *keys)
        assert not [needle for needle in needles if needle in content]
    assert list((gate.config.parent / ".backup").iterdir()) == []


def test_older_ones_go_after_the_new_one_and_never_the_new_one(gate: Site) -> None:
    stick = gate.folder / "stick"
    for day in ("20990101T000000Z", "20990102T000000Z", "20990103T000000Z"):  # the clock was wrong
        (stick / f"plant-1.gate-a.{day}.age").write_text("old")
    (stick / "plant-1.gate-b.20200101T000000Z.age").write_text("another terminal's")
    file = gate.create()
    names = [path.name for path in gate.backups()]
    assert names == [
        file.name,
        "plant-1.gate-a.20990103T000000Z.age",
        "plant-1.gate-b.20200101T000000Z.age",
    ]
    listed = json.loads(gate.run("backup", "list", "--config", gate.config, "--json").stdout)
    assert [(row["file"], row["checksum"]) for row in listed] == [
        (file.name, "there"),
        ("plant-1.gate-a.20990103T000000Z.age", "missing"),
    ]


def test_appending_goes_on_while_a_backup_runs(gate: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two parts of the copying another connection appends, and never waits."""
    with open_stores(gate.settings) as stores:
        with stores.ledger_db.transaction():
            for _ in range(2000):
                stores.ledger.append(Punch(person="1", method="face"), now())
        monkeypatch.setattr("store.database._COPIED_AT_ONCE", 8)
        monkeypatch.setattr("store.database.BUSY_S", 0.0)  # whoever would have to wait fails
        before, appended = stores.ledger.head().seq, 0
        real = Database.copy_to

        def copy_to(self: Database, path: Path, key: bytes, on_step: Callable[[], None]) -> None:
            def step() -> None:
                nonlocal appended
                stores.ledger.append(Punch(person="1", method="face"), now())
                appended += 1
                on_step()

            real(self, path, key, step)

        monkeypatch.setattr(Database, "copy_to", copy_to)
        file = gate.create()
        assert appended > 40
        assert stores.ledger.head().seq == before + appended + 1
    assert gate.verify(file)["head"] == before  # one instant: before the first part


def test_a_deletion_in_the_middle_does_not_wait_and_is_not_in_the_backup(
    gate: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.database.BUSY_S", 0.0)
    with open_stores(gate.settings) as stores:
        real = Database.copy_to
        withdrawn: list[int] = []

        def copy_to(self: Database, path: Path, key: bytes, on_step: Callable[[], None]) -> None:
            if not withdrawn:
                withdrawn.append(stores.gallery.withdraw("1", now(1)))
            real(self, path, key, on_step)

        monkeypatch.setattr(Database, "copy_to", copy_to)
        file = gate.create()
    assert withdrawn == [2]
    assert gate.restore(file).exit_code == 0
    shown = gate.run("people", "list", "--config", gate.new_config, "--json")
    assert json.loads(shown.stdout)[0]["templates"] == 0


def test_a_backup_of_before_badges_comes_back_with_a_fresh_key_for_them(
    gate: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = tuple(name for name in archive.MEMBERS if name != "keys/badges.key")
    with monkeypatch.context() as before:
        before.setattr(archive, "MEMBERS", former)
        file = gate.create()
    done = gate.restore(file)
    assert done.exit_code == 0, done.exception
    old, new = (config.parent / "keys" for config in (gate.config, gate.new_config))
    assert (new / "templates.key").read_bytes() == (old / "templates.key").read_bytes()
    assert (new / "badges.key").read_bytes() != (old / "badges.key").read_bytes()


def test_new_hardware_is_the_same_terminal(gate: Site) -> None:
    file = gate.create()
    done = gate.restore(file)
    assert done.exit_code == 0, done.exception
    assert "provisional" in done.output
    assert "withdrawn since then" in done.output
    old, new = gate.config.parent, gate.new_config.parent
    for name in ("signing.key", "sealing.key", "templates.key", "badges.key"):
        assert (new / "keys" / name).read_bytes() == (old / "keys" / name).read_bytes()
    for name in ("ledger.key", "gallery.key"):  # an old card's keys open nothing new
        assert (new / "keys" / name).read_bytes() != (old / "keys" / name).read_bytes()
    assert gate.new_config.read_bytes() == gate.config.read_bytes()
    old.rename(gate.folder / "broken")
    new.rename(old)  # the settings' paths are relative to them
    with open_stores(gate.settings) as stores:
        assert stores.ledger.provisional() == "restored"
        assert len(stores.gallery.people()) == 1
        last = stores.ledger.records(0, 100)[-1]
        body = last.content().known_body()
        assert isinstance(body, Restore)
        assert (last.seq, body.head_seq) == (8, 7)
        assert stores.ledger.append(Punch(person="1", method="face"), now()).seq == 9
        assert stores.ledger.verify(stores.signer.public_key()).seq == 9
    assert not list(old.glob(".restore*"))


def test_a_restore_overwrites_nothing(gate: Site) -> None:
    file = gate.create()
    before = {p: p.read_bytes() for p in gate.config.parent.rglob("*") if p.is_file()}
    done = gate.run("backup", "restore", file, "--identity", gate.identity, "--config", gate.config)
    assert isinstance(done.exception, OccupiedError)
    assert "move the old files away" in str(done.exception)
    after = {p: p.read_bytes() for p in gate.config.parent.rglob("*") if p.is_file()}
    assert after == before


def repacked(gate: Site, file: Path, change: Callable[[bytearray], None]) -> None:
    """The backup again, with its tar changed, encrypted as anybody could who has the public key."""
    identity = pyrage.x25519.Identity.from_str(gate.identity.read_text().splitlines()[-1])
    tar = bytearray(pyrage.decrypt(file.read_bytes(), [identity]))
    change(tar)
    file.write_bytes(pyrage.encrypt(bytes(tar), [identity.to_public()]))
    file.with_name(file.name + ".sha256").unlink()


def renamed(name: bytes) -> Callable[[bytearray], None]:
    def change(tar: bytearray) -> None:
        place = tar.index(b"kiosk.toml\0")
        tar[place : place + 100] = name.ljust(100, b"\0")
        tar[place + 148 : place + 156] = b" " * 8
        checksum = sum(tar[place : place + 512])
        tar[place + 148 : place + 156] = b"%06o\0 " % checksum

    return change


def newer(tar: bytearray) -> None:
    place = tar.index(b'"v": 1')
    tar[place : place + 6] = b'"v": 9'


def flipped_inside(tar: bytearray) -> None:
    tar[len(tar) - 20_000] ^= 1


def shortened(tar: bytearray) -> None:
    del tar[-30_000:]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (renamed(b"../../etc/cron.d/x"), DamagedArchiveError, "where kiosk.toml belongs"),
        (renamed(b"/etc/passwd"), DamagedArchiveError, "where kiosk.toml belongs"),
        (newer, NewerArchiveError, "update the program"),
        (flipped_inside, DamagedArchiveError, "another digest"),
        (shortened, DamagedArchiveError, "ends before"),
    ],
)
def test_a_forged_inside_is_refused_and_nothing_is_changed(
    gate: Site, change: Callable[[bytearray], None], error: type[Exception], words: str
) -> None:
    file = gate.create()
    repacked(gate, file, change)
    refused(gate, file, error, words)


def refused(gate: Site, file: Path, error: type[Exception], words: str) -> None:
    """Neither verify nor restore takes it, and new hardware stays as it is."""
    shutil.copytree(
        gate.config.parent, gate.new_config.parent, ignore=lambda *_: ["keys", ".backup"]
    )
    for path in gate.new_config.parent.iterdir():
        if path.name not in ("kiosk.toml", "hq.pub"):
            path.unlink()
    for done in (
        gate.run("backup", "verify", file, "--identity", gate.identity),
        gate.restore(file),
    ):
        assert isinstance(done.exception, error), done.exception
        assert words in str(done.exception)
        assert str(file) in str(done.exception)
    left = {path.name for path in gate.new_config.parent.rglob("*") if path.is_file()}
    assert left <= {"kiosk.toml", "hq.pub", ".restore.lock"}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda raw: raw[:-1000], "cut off"),
        (lambda raw: raw[:40], "begin as an age file"),
        (lambda raw: raw[:90_000] + bytes([raw[90_000] ^ 1]) + raw[90_001:], "was changed"),
        (lambda raw: b"PK\x03\x04" + raw, "begin as an age file"),
        (lambda _: b"", "begin as an age file"),
    ],
)
def test_a_spoilt_file_is_refused_and_nothing_is_changed(
    gate: Site, spoil: Callable[[bytes], bytes], words: str
) -> None:
    file = gate.create()
    file.write_bytes(spoil(file.read_bytes()))
    assert isinstance(gate.run("backup", "verify", file).exception, DamagedArchiveError)
    file.with_name(file.name + ".sha256").unlink()
    refused(gate, file, DamagedArchiveError, words)


def test_another_identity_opens_nothing(gate: Site) -> None:
    file = gate.create()
    gate.identity.write_text(str(pyrage.x25519.Identity.generate()))
    refused(gate, file, IdentityError, "another key")


def test_a_backup_that_fails_leaves_a_fault_and_the_others(
    gate: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = gate.create()

    class Full:
        free = 10_000_000

    monkeypatch.setattr("store.backup.shutil.disk_usage", lambda _: Full)
    done = gate.run("backup", "create", "--config", gate.config)
    assert isinstance(done.exception, DiskFullError)
    assert "make room" in str(done.exception)
    assert [path.name for path in gate.backups()] == [first.name]
    assert kinds(gate)[-1] == "fault"


def test_a_disk_that_fills_up_in_the_middle_leaves_nothing_half_written(gate: Site) -> None:
    first = gate.create()
    for path in gate.backups():  # another second's
        path.rename(path.with_name("plant-1.gate-a.20200101T000000Z.age"))
    first.with_name(first.name + ".sha256").unlink()
    before = {path.name for path in first.parent.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))  # databases fit, the archive not
    try:
        done = gate.run("backup", "create", "--config", gate.config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(done.exception, DiskFullError), done.exception
    assert {path.name for path in first.parent.iterdir()} == before
    assert list((gate.config.parent / ".backup").iterdir()) == []
    assert kinds(gate)[-1] == "fault"


def test_a_terminal_without_the_section_says_where_to_read(gate: Site) -> None:
    text = gate.config.read_text()
    gate.config.write_text(text[: text.index("[backup]")])
    done = gate.run("backup", "create", "--config", gate.config)
    assert "docs/backup.md" in str(done.exception)


def test_the_manifest_keeps_fields_it_does_not_know(gate: Site) -> None:
    text = Manifest(
        program="0.1.0",
        site="a",
        terminal="b",
        made=now().utc,
        head_seq=0,
        head_hash="0" * 64,
        receipt_seq=0,
        schemas={},
        signing_key="0" * 64,
        members=(),
    ).model_dump_json()
    later = Manifest.model_validate_json(text[:-1] + ',"later":1}')
    assert b'"later": 1' in b"".join(pack(later, {}))
    assert MANIFEST.encode() in b"".join(pack(later, {}))


def test_retention_runs_beside_a_daemon_that_has_the_stores_open(gate: Site) -> None:
    with open_stores(gate.settings) as stores:
        program = "from kiosk.cli import main; main()"
        words = ["retention", "--config", str(gate.config), "--json"]
        command = [sys.executable, "-c", program, *words]
        appended = 0
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            while child.poll() is None:
                stores.ledger.append(Punch(person="1", method="face"), now())
                stores.ledger_db.give_way()
                appended += 1
            assert child.stdout
            said = json.loads(child.stdout.read())
        assert child.returncode == 0
        assert "punches" in said
        assert appended > 0
        assert stores.ledger.verify(stores.signer.public_key()) == stores.ledger.head()
