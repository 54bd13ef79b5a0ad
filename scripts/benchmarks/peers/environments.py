"""An environment for each peer under `.cache/peers`, from its exactly pinned requirements."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.asking import PeerError

_ENGINES = Path(__file__).parent


def python_of(name: str, root: Path) -> Path:
    """The peer's Python, installed when it is not there or its pins changed.

    Raises `PeerError` when pip cannot install them.
    """
    # The tests compare with insightface's code too: the same pins.
    requirements = (
        root / "tests" / "recognizer" / "reference" / "requirements.txt"
        if name == "insightface"
        else _ENGINES / f"{name}.requirements.txt"
    )
    folder = root / ".cache" / "peers" / name
    python, stamp = folder / "bin" / "python", folder / ".installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="ascii").strip() == wanted:
        return python
    # --no-deps: several ask for opencv-python, which clashes with the headless build.
    install = ["-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), *install, "--requirement", str(requirements)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip() or "no reason given").splitlines()[-1]
            raise PeerError(f"its packages cannot be installed: {last}")
    stamp.write_text(wanted + "\n", encoding="ascii")
    return python
