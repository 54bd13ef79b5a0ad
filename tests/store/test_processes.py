"""Several real processes on one ledger, killed or without room on the disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.database import open_database
from store.ledger import Ledger
from tests.store.disturbing import run_harness
from tests.store.made import LEDGER_KEY, PUBLIC, SIGNER, TERMINAL, at, punch

ROOT = Path(__file__).resolve().parents[2]


def start(module: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.store.{module}", *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(lines: list[str]) -> dict[int, bytes]:
    """The records that a child reported, by number."""
    pairs = [line.split() for line in lines]
    return {int(seq): bytes.fromhex(hash_) for seq, hash_ in pairs}


def test_two_processes_that_append_at_once_keep_one_chain(tmp_path: Path) -> None:
    count = 150
    children = [start("children", "append", str(tmp_path), who, str(count)) for who in "ab"]
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    reported: list[dict[int, bytes]] = []
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        out, _ = child.communicate()
        assert child.returncode == 0
        reported.append(said(out.splitlines()))
    database = open_database(tmp_path / "ledger.db", LEDGER_KEY, create=False)
    ledger = Ledger(database, TERMINAL, None)
    assert ledger.verify(PUBLIC).seq == 2 * count
    records = ledger.records(0, 10_000)
    assert {record.seq: record.hash for record in records} == reported[0] | reported[1]
    people = [record.content().body["person"] for record in records]
    for who in "ab":
        assert [p for p in people if p.startswith(who)] == [f"{who}-{n}" for n in range(count)]
    database.close()


def test_writers_killed_at_random_lose_nothing_that_append_returned(tmp_path: Path) -> None:
    """What is checked stands in the harness; `KIOSK_CRASH_KILLS=5000` makes it a campaign."""
    kills = os.environ.get("KIOSK_CRASH_KILLS", "75")
    child = start("crash_harness", str(tmp_path), "--kills", kills, "--seed", "1")
    out, _ = child.communicate()
    assert child.returncode == 0
    counts = json.loads(out)
    assert counts["kills"] >= int(kills)
    assert counts["records"] > 0


@pytest.mark.parametrize("limit_kib", [100, 180, 300])
def test_no_room_for_a_file_to_grow_is_a_typed_error_that_keeps_the_records(
    tmp_path: Path, limit_kib: int
) -> None:
    child = start("children", "fill-the-disk", str(tmp_path), str(limit_kib * 1024))
    out, _ = child.communicate()
    assert child.returncode == 0
    *lines, error = out.splitlines()
    assert error in ("StorageError", "DiskFullError")
    reported = said(lines)
    assert reported
    database = open_database(tmp_path / "ledger.db", LEDGER_KEY, create=False)
    ledger = Ledger(database, TERMINAL, SIGNER)
    assert {r.seq: r.hash for r in ledger.records(0, 100_000)} == reported
    assert ledger.append(punch(), at()).seq == len(reported) + 1  # there is room again
    assert ledger.verify(PUBLIC).seq == len(reported) + 1
    database.close()


def test_a_failing_disk_is_named_and_nothing_is_lost_or_invented(tmp_path: Path) -> None:
    found = run_harness("fault_harness", tmp_path, 127)
    assert found["lives"] >= 9
    assert found["said"] >= 0.9 * found["lives"]


@pytest.mark.soak
def test_a_disk_that_fails_at_any_call_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    found = run_harness("fault_harness", tmp_path, 1)
    assert found["lives"] == 3 * found["calls"]
    assert {"fsync", "link", "open", "rename", "truncate", "unlink", "write"} <= set(
        found["failed_calls"]
    )
