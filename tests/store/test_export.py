"""The open format: an export, and a verifier that shares no code with us."""

from __future__ import annotations

import ast
import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from store.chain import record_hash, sign_record
from store.errors import StorageError
from store.export import export_line
from store.ledger import Head, Record
from tests.store.made import PUBLIC, SIGNER, STRANGER, Shop, at, punch

ROOT = Path(__file__).resolve().parents[2]
VERIFIER = ROOT / "scripts" / "verify-ledger"
LENGTH = 12

Lines = list[bytes]


def verdict(folder: Path, lines: Lines, *words: str) -> tuple[int, str]:
    (folder / "ledger.jsonl").write_bytes(b"".join(lines))
    pem = PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "signing.pub").write_bytes(pem)
    command = [sys.executable, "-I", str(VERIFIER), "ledger.jsonl", "signing.pub", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def exported(shop: Shop) -> Lines:
    path = shop.folder / "export.jsonl"
    shop.ledger.export(path)
    return path.read_bytes().splitlines(keepends=True)


def filled(shop: Shop) -> Lines:
    for n in range(LENGTH):
        shop.ledger.append(punch("工号七" if n % 2 else "1001"), at(n))
    return exported(shop)


def resigned(shop: Shop) -> Lines:
    lines, previous = [], bytes(32)
    for record in shop.ledger.records(0, 100):
        payload = record.payload.replace(b'"1001"', b'"2002"')
        hash_ = record_hash(previous, payload)
        fields = (payload, previous, hash_, sign_record(STRANGER, hash_))
        lines.append(export_line(Record(record.seq, record.id, record.kind, *fields)))
        previous = hash_
    return lines


def test_the_verifier_is_small_and_stands_alone() -> None:
    source = VERIFIER.read_text()
    assert len(source.splitlines()) <= 100
    names = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    foreign = {str(name).split(".")[0] for name in names} - sys.stdlib_module_names
    assert foreign == {"cryptography"}


def test_an_export_is_whole_for_the_verifier(shop: Shop) -> None:
    lines = filled(shop)
    head = shop.ledger.head()
    code, text = verdict(shop.folder, lines, f"{head.seq}:{head.hash.hex()}")
    assert (code, text) == (0, f"whole: records 1 to {LENGTH}, head {head.hash.hex()}")


def test_an_empty_export_is_whole(shop: Shop) -> None:
    assert verdict(shop.folder, exported(shop))[0] == 0


def test_a_pruned_export_is_whole_by_its_checkpoint(shop: Shop) -> None:
    filled(shop)
    head = shop.ledger.head()
    shop.delivery.save_receipt(b"x", head.seq, head.hash)
    shop.ledger.append(punch(), at())
    shop.ledger.prune(5, head, at())
    lines = exported(shop)
    assert verdict(shop.folder, lines)[1].startswith(f"whole: records 6 to {LENGTH + 2}")
    assert verdict(shop.folder, lines[1:])[0] == 1
    assert verdict(shop.folder, lines[:-1])[1].startswith("NOT WHOLE: record 1: missing, and no")


def flip(lines: Lines) -> Lines:
    return [*lines[:4], lines[4].replace(b"face", b"fact"), *lines[5:]]


def renumber(lines: Lines) -> Lines:
    return [*lines[:4], lines[4].replace(b'\\"seq\\":5', b'\\"seq\\":7'), *lines[5:]]


@pytest.mark.parametrize(
    ("change", "first_bad"),
    [
        (flip, 5),
        (renumber, 5),
        (lambda lines: lines[1:], 1),
        (lambda lines: [*lines[:4], *lines[5:]], 5),
        (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], 5),
        (lambda lines: [*lines[:4], lines[3], *lines[4:]], 5),
        (lambda lines: [*lines[:4], b"{}\n", *lines[4:]], 5),
        (lambda lines: [*lines[:4], b"\xff\n", *lines[4:]], 5),
        (lambda lines: [*lines[:4], b"[" * 100_000 + b"\n", *lines[4:]], 5),
    ],
)
def test_the_verifier_names_the_first_bad_record(
    shop: Shop, change: Callable[[Lines], Lines], first_bad: int
) -> None:
    code, text = verdict(shop.folder, change(filled(shop)))
    assert code == 1
    assert text.startswith(f"NOT WHOLE: record {first_bad}: ")


def test_the_verifier_finds_a_chain_signed_by_somebody_else(shop: Shop) -> None:
    filled(shop)
    code, text = verdict(shop.folder, resigned(shop))
    assert (code, text) == (1, "NOT WHOLE: record 1: not signed by this key")


def test_the_verifier_finds_a_cut_end_when_a_later_record_is_known(shop: Shop) -> None:
    lines = filled(shop)
    head = shop.ledger.head()
    code, text = verdict(shop.folder, lines[:-1], f"{head.seq}:{head.hash.hex()}")
    assert (code, text) == (1, f"NOT WHOLE: record {LENGTH}: missing, a later record is known")
    assert verdict(shop.folder, lines, f"3:{head.hash.hex()}")[0] == 1


def test_the_verifier_tells_what_it_cannot_read(shop: Shop) -> None:
    assert verdict(shop.folder, [], "x:zz")[0] == 2
    missing = [sys.executable, str(VERIFIER), "none.jsonl", "none.pub"]
    done = subprocess.run(missing, cwd=shop.folder, capture_output=True, check=False)
    assert done.returncode == 2


def test_a_line_has_the_four_values(shop: Shop) -> None:
    record = shop.ledger.append(punch(), at())
    (line,) = exported(shop)
    fields = json.loads(line)
    assert set(fields) == {"payload", "previous", "hash", "signature"}
    assert fields["payload"].encode() == record.payload
    assert sign_record(SIGNER, record.hash) == record.signature


def test_an_export_is_for_its_owner_alone_and_replaces_the_last(shop: Shop) -> None:
    path = shop.folder / "export.jsonl"
    path.write_text("before")
    shop.ledger.append(punch(), at())
    seen: list[tuple[int, int]] = []
    assert shop.ledger.export(path, lambda done, total: seen.append((done, total))) == 1
    assert seen == [(1, 1)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_export_that_fails_leaves_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.ledger.append(punch(), at())
    before = sorted(shop.folder.iterdir())

    def failing(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", failing)
        with pytest.raises(StorageError, match="No space left"):
            shop.ledger.export(shop.folder / "export.jsonl")
    assert sorted(shop.folder.iterdir()) == before
    with pytest.raises(StorageError, match="cannot be written"):
        shop.ledger.export(shop.folder / "none" / "export.jsonl")


def test_it_follows_a_resumption_and_only_where_it_belongs(shop: Shop, tmp_path: Path) -> None:
    before = filled(shop)
    first = shop.ledger.records(0, 1)[0]
    shop.delivery.save_receipt(b"receipt", 1, first.hash)
    shop.ledger.await_receipt("restored")
    resumption = shop.ledger.resume(Head(500, b"\x05" * 32), b"later", at(20))
    lines = exported(shop)
    assert verdict(tmp_path, lines)[0] == 0
    assert verdict(tmp_path, [lines[0], *lines[2:]])[0] == 1
    assert verdict(tmp_path, lines[1:])[0] == 1
    assert verdict(tmp_path, [*before[:3], *lines[1:]])[0] == 1
    assert lines[1].count(f'\\"seq\\":{resumption.seq}'.encode()) == 1


def test_it_follows_a_resumption_that_begins_a_file(shop: Shop, tmp_path: Path) -> None:
    shop.ledger.await_receipt("missing")
    shop.ledger.append(punch(), at())
    shop.ledger.resume(Head(500, b"\x05" * 32), b"receipt", at(20))
    lines = exported(shop)
    assert verdict(tmp_path, lines)[0] == 0
    assert verdict(tmp_path, lines[1:])[0] == 1
