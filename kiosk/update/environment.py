"""Building a release's environment: its wheels and nothing else, from no network.

The wheels bring pip themselves where they can, so that each release can install the next; the pip
that works here is that of the program that is running, isolated (-I): root may call from a folder
of anybody's. The new environment sees the system's packages as the present one does
(`python3-libcamera`, docs/updates.md).
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from kiosk.update.errors import PreparationError

_INSTALL_S = 3600.0  # 150 MB of wheels onto a slow card; takes 20 s on x86-64
PROGRAMS = ("kiosk", "kiosk-sync", "kiosk-update")


def build(target: Path, wheels: Sequence[Path]) -> None:
    """Make the environment at `target`, which is not there, and have it on the disk for good.

    Raises `PreparationError` and `OSError`.
    """
    venv.EnvBuilder(system_site_packages=_sees_system_packages(), symlinks=True).create(target)
    install = [
        "install",
        "--no-index",
        "--no-deps",
        "--no-cache-dir",
        "--disable-pip-version-check",
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-m", "pip", "--python", str(target / "bin" / "python"), *install]
        + [str(wheel) for wheel in wheels],
        capture_output=True,
        text=True,
        check=False,
        timeout=_INSTALL_S,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        why = said[-1] if said else "pip failed"
        raise PreparationError(f"its wheels cannot be installed; nothing was changed: {why}")
    missing = [name for name in PROGRAMS if not os.access(target / "bin" / name, os.X_OK)]
    if missing:
        raise PreparationError(f"the release has no {', '.join(missing)}; nothing was changed")
    # What pip wrote is in the kernel's memory so far; a power cut would leave empty files.
    os.sync()


def _sees_system_packages() -> bool:
    try:
        text = (Path(sys.prefix) / "pyvenv.cfg").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return "include-system-site-packages = true" in text.lower()
