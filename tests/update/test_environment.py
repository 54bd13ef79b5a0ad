"""An environment is built from wheels by pip itself, with no network."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kiosk.update.environment import PROGRAMS, build
from kiosk.update.errors import PreparationError
from tests.update.wheels import small_wheel


def test_the_programs_of_the_wheels_run_from_the_new_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed by this environment's pip, not by one that lies where the technician stands."""
    (tmp_path / "pip.py").write_text("raise SystemExit('another pip')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    wheel = small_wheel(tmp_path / "stick", "1.1", "def main():\n    print('it runs')\n")
    build(tmp_path / "1.1", [wheel])
    assert all((tmp_path / "1.1" / "bin" / name).exists() for name in PROGRAMS)
    done = subprocess.run([tmp_path / "1.1" / "bin" / "kiosk"], capture_output=True, check=True)
    assert done.stdout == b"it runs\n"


def test_a_release_without_its_programs_is_none(tmp_path: Path) -> None:
    entries = "[console_scripts]\nkiosk = kiosk_of_a_test:main\n"
    wheel = small_wheel(tmp_path / "stick", "1.1", entries=entries)
    with pytest.raises(PreparationError, match="no kiosk-sync, kiosk-update; nothing was changed"):
        build(tmp_path / "1.1", [wheel])


@pytest.mark.soak
def test_what_pip_refuses_is_said(tmp_path: Path) -> None:
    broken = tmp_path / "kiosk-1.1-py3-none-any.whl"
    broken.write_bytes(b"no zip")
    with pytest.raises(PreparationError, match="cannot be installed; nothing was changed"):
        build(tmp_path / "1.1", [broken])
