"""The whole of it in a throw-away Debian root; run with -m machine."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.provision.shell import ROOT


@pytest.mark.machine
def test_provisioned_twice_and_removed_every_file_is_accounted_for() -> None:
    if os.geteuid() != 0:
        pytest.skip("systemd-nspawn and debootstrap need root")
    done = subprocess.run(
        [ROOT / "scripts" / "provision-test"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "every one accounted for" in done.stderr
