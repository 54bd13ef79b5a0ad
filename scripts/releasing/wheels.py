"""The wheels of a release: this checkout's own, and every pinned one that it stands on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# One tag finds old versions or none: pip takes a wheel only for a tag that is named.
_GLIBC = ("2_36", "2_35", "2_34", "2_31", "2_28", "2_27", "2_24", "2_17")


def own_wheel(folder: Path) -> Path:
    """Build the project's wheel into `folder`; raises `CalledProcessError`."""
    before = set(folder.glob("*.whl"))
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (made,) = set(folder.glob("*.whl")) - before
    return made


def pinned_wheels(
    folder: Path, own: Path, extras: Sequence[str], python: str, machine: str
) -> None:
    """Fetch what the project's wheel asks for, as constraints.txt pins it, and pip itself.

    `python` as 3.11, `machine` as aarch64. Raises `CalledProcessError`, also where something has no
    wheel for them: that comes from the system's packages on the terminal, and is left out of
    `extras`.
    """
    tags = [f"manylinux_{glibc}_{machine}" for glibc in _GLIBC]
    tags += [f"manylinux2014_{machine}", f"linux_{machine}"]
    wanted = f"{own}[{','.join(extras)}]" if extras else str(own)
    _pip(
        "download",
        "--only-binary=:all:",
        f"--python-version={python}",
        "--implementation=cp",
        f"--abi=cp{python.replace('.', '')}",
        "--abi=abi3",
        "--abi=none",
        *(f"--platform={tag}" for tag in tags),
        f"--constraint={ROOT / 'constraints.txt'}",
        f"--dest={folder}",
        wanted,
        "pip",
    )


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words]
    subprocess.run(command, check=True)
