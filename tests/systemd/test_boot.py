"""The boot test as part of the long run: `./scripts/test -m soak`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.soak
def test_the_units_survive_what_a_real_systemd_and_a_bad_day_do_to_them() -> None:
    if os.geteuid() != 0:
        pytest.skip("systemd-nspawn is started by root")
    done = subprocess.run(
        [ROOT / "scripts" / "boot-test"], capture_output=True, text=True, check=False, timeout=1800
    )
    assert done.returncode == 0, done.stdout + done.stderr
