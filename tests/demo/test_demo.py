"""The demo, run as a user runs it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.usefixtures("weights_dir", "photos")
def test_the_demo_plays_a_morning_and_headquarters_has_exactly_its_punches(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(ROOT / "scripts" / "demo"), "--fast", "--shared", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "COLUMNS": "140"},
    )
    said = done.stdout
    assert done.returncode == 0, said + done.stderr
    assert "headquarters has exactly the 4 punches" in said
    table = said[said.index("The morning") :]
    decisions = re.findall(r"(punch|repeat|unknown|attack|ambiguous)\s", table)
    assert decisions.count("punch") == 4
    assert decisions.count("repeat") == 1
    assert decisions.count("unknown") >= 2, "each of the two strangers is turned down"
    recorded = re.findall(r"(\d{4}) (\w+)\s*│\s*[\d.]+\s*│\s*punch", table)
    assert sorted(recorded) == [
        ("1001", "Jo"),
        ("1002", "Ben"),
        ("1003", "Cleo"),
        ("1004", "Leo"),
    ]
    assert "green 1.2 s, beep 0.1 s" in said
