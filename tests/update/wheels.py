"""Small wheels with the three programs, for tests that install for real."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

_PROGRAM = """import sys
def main():
    sys.exit({code})
"""
_ENTRIES = """[console_scripts]
kiosk = kiosk_of_a_test:main
kiosk-sync = kiosk_of_a_test:main
kiosk-update = kiosk_of_a_test:main
"""


def small_wheel(folder: Path, version: str, program: str = "", entries: str = _ENTRIES) -> Path:
    """A wheel of the project's name whose programs run `program`, a module with a `main`."""
    info = f"kiosk-{version}.dist-info"
    files = {
        "kiosk_of_a_test.py": program or _PROGRAM.format(code=0),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: kiosk\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": entries,
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    folder.mkdir(exist_ok=True)
    wheel = folder / f"kiosk-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return wheel


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
