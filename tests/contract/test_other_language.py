"""Another language finds in the test vectors what they say: Node.js, with its own crypto only."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "check_vectors.mjs"
VECTORS = Path(__file__).resolve().parents[2] / "docs" / "contract" / "vectors.json"


def check(vectors: Path) -> subprocess.CompletedProcess[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node (Debian: apt-get install nodejs)")
    words = [node, str(SCRIPT), str(vectors)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def test_node_finds_what_the_vectors_say() -> None:
    done = check(VECTORS)
    assert (done.returncode, done.stderr) == (0, "")
    whole = json.loads(VECTORS.read_bytes())
    parts = [len(whole[name]) for name in ("canonical", "events", "documents")]
    # and five checks a record, two a place, two a key
    expected = sum(parts) + 5 * len(whole["records"]) + 2 * len(whole["places"]) + 2 * 3
    assert done.stdout == f"as written: {expected} checks\n"


def change_hash(vectors: dict[str, Any]) -> None:
    vectors["records"][3]["hash"] = "00" * 32


def change_place(vectors: dict[str, Any]) -> None:
    vectors["places"][-1]["result"] = "next"


def change_receipt(vectors: dict[str, Any]) -> None:
    first = vectors["documents"][0]
    first["text"] = first["text"].replace('"seq":', '"seq":1')


@pytest.mark.parametrize("spoil", [change_hash, change_place, change_receipt])
def test_node_notices_what_is_wrong(
    spoil: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    vectors = json.loads(VECTORS.read_bytes())
    spoil(vectors)
    (tmp_path / "vectors.json").write_text(json.dumps(vectors), encoding="utf-8")
    done = check(tmp_path / "vectors.json")
    assert done.returncode == 1
    assert done.stderr.startswith("NOT AS WRITTEN: ")
